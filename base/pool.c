#include "base/pool.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/cond.h"

/* On the stack of who waits. Handed a place, under the lock, by who gives one back: a place that is free for the taking
 * when somebody woken comes for it would be taken by whoever runs just then, and under load those who sleep would be
 * overtaken again and again. */
typedef struct waiter {
    struct waiter *next;
    int64_t party;
    pthread_cond_t given;
    bool has;
    void *handle;
} waiter;

typedef struct place {
    void *free_one; /* one of nfree */
    int64_t holder; /* one of nheld; the two have nothing to do with each other */
} place;

/* A place that is free is one that nobody who waits may have. */
struct dm_pool {
    char *what;
    void (*unmake)(void *handle);
    pthread_mutex_t lock;
    waiter *first;
    unsigned max, share;
    unsigned used; /* places that are held or have a handle in them: the others have never been needed */
    unsigned nfree, nheld;
    place places[];
};

int dm_pool_new(unsigned max, const char *what, void (*unmake)(void *handle), dm_pool **out, dm_err *err)
{
    if (max < 1 || max > DM_POOL_MAX)
        return dm_fail(err, DM_E_INVALID, "a pool of %u %s: not 1 to %d", max, what, DM_POOL_MAX);
    dm_pool *p = calloc(1, sizeof *p + max * sizeof p->places[0]);
    char *name = strdup(what);
    if (p == NULL || name == NULL) {
        free(p);
        free(name);
        return dm_fail(err, DM_E_NOMEM, "no memory for a pool of %u %s", max, what);
    }
    p->what = name;
    p->unmake = unmake;
    p->max = max;
    p->share = max - max / 4;
    (void)pthread_mutex_init(&p->lock, NULL);
    *out = p;
    return 0;
}

void dm_pool_free(dm_pool *p)
{
    if (p == NULL)
        return;
    assert(p->used == p->nfree && p->first == NULL); /* nobody holds a place, or waits for one */
    for (unsigned i = 0; i < p->nfree; i++)
        p->unmake(p->places[i].free_one);
    (void)pthread_mutex_destroy(&p->lock);
    free(p->what);
    free(p);
}

/* --- with the lock held ------------------------------------------------------------------------------------- */

static unsigned held_by(const dm_pool *p, int64_t party)
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->nheld; i++)
        n += p->places[i].holder == party;
    return n;
}

static bool place_now(dm_pool *p, int64_t party, void **out)
{
    if ((p->nfree == 0 && p->used == p->max) || (party != 0 && held_by(p, party) >= p->share))
        return false;
    *out = NULL;
    if (p->nfree > 0)
        *out = p->places[--p->nfree].free_one;
    else
        p->used++;
    p->places[p->nheld++].holder = party;
    return true;
}

static void unhold(dm_pool *p, int64_t party)
{
    unsigned i = 0;
    while (i < p->nheld && p->places[i].holder != party)
        i++;
    assert(i < p->nheld); /* given back is what was taken */
    p->places[i].holder = p->places[--p->nheld].holder;
}

static waiter **end_of(dm_pool *p)
{
    waiter **at = &p->first;
    while (*at != NULL)
        at = &(*at)->next;
    return at;
}

static void leave(dm_pool *p, const waiter *w)
{
    waiter **at = &p->first;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
}

static void serve(dm_pool *p)
{
    for (waiter **at = &p->first; *at != NULL;) {
        waiter *w = *at;
        if (!place_now(p, w->party, &w->handle)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        w->has = true;
        (void)pthread_cond_signal(&w->given);
    }
}

static bool wait_for_one(dm_pool *p, int64_t party, int64_t until_ms, void **out)
{
    waiter w = {.party = party};
    dm_cond_init(&w.given);
    *end_of(p) = &w;
    while (!w.has && dm_mono_ms(&dm_clock_real) < until_ms)
        dm_cond_wait_until(&w.given, &p->lock, until_ms);
    if (w.has)
        *out = w.handle;
    else
        leave(p, &w);
    (void)pthread_cond_destroy(&w.given);
    return w.has;
}

/* --- what others call --------------------------------------------------------------------------------------- */

int dm_pool_take(dm_pool *p, int64_t party, unsigned wait_ms, void **out, dm_err *err)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + wait_ms;

    (void)pthread_mutex_lock(&p->lock);
    bool has = place_now(p, party, out) || wait_for_one(p, party, until, out);
    (void)pthread_mutex_unlock(&p->lock);
    return has ? 0 : dm_fail(err, DM_E_UNAVAILABLE, "all %u %s are in use", p->max, p->what);
}

void dm_pool_give(dm_pool *p, int64_t party, void *handle)
{
    (void)pthread_mutex_lock(&p->lock);
    unhold(p, party);
    if (handle != NULL)
        p->places[p->nfree++].free_one = handle;
    else
        p->used--;
    serve(p);
    (void)pthread_mutex_unlock(&p->lock);
}

unsigned dm_pool_waiting(dm_pool *p)
{
    unsigned n = 0;
    (void)pthread_mutex_lock(&p->lock);
    for (const waiter *w = p->first; w != NULL; w = w->next)
        n++;
    (void)pthread_mutex_unlock(&p->lock);
    return n;
}
