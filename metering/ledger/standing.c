#include "metering/ledger/standing.h"

#include "base/sorted.h"

typedef struct wanted {
    uint64_t no;
    uint64_t *steps;
} wanted;

static int by_no(const void *element, const void *key)
{
    const wanted *w = key;
    uint64_t no = ((const dm_standing *)element)->worker_no.v;
    ++*w->steps;
    return no < w->no ? -1 : no > w->no;
}

dm_standing *dm_standing_of(dm_standings *s, dm_worker_no worker_no)
{
    bool there;
    size_t i = dm_sorted_place(s->v, s->n, sizeof(*s->v), &(wanted){worker_no.v, &s->steps}, by_no, &there);
    return there ? &s->v[i] : NULL;
}
