#include "api/life/given.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

/* A slot is free where its mark is anything else. A record is written by one call: half a one has no mark, which stands
 * at its end. */
static const char mark[8] = "given 1\n";

typedef struct record {
    uint64_t worker;
    uint8_t id[16];
    char mark[8];
} record;

struct dm_given {
    int fd;
    size_t unseen;  /* slots that dm_given_left has still to look at: from the last one down, so that low ones are used
                     */
    size_t written; /* slots up to which the file went when it was opened */
    int *free;      /* a stack of slots */
    size_t nfree;
};

static off_t at(size_t slot)
{
    return (off_t)(slot * sizeof(record));
}

int dm_given_open(const char *path, size_t max, dm_given **out, dm_err *err)
{
    DM_AUTO(dm_given) g = calloc(1, sizeof *g);
    if (g == NULL)
        return dm_fail(err, DM_E_NOMEM, "what was given");
    g->unseen = max;
    g->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (g->fd < 0)
        return dm_fail_sys(err, errno, "open %s", path);
    if (flock(g->fd, LOCK_EX | LOCK_NB) < 0)
        return dm_fail(err, DM_E_CONFLICT, "%s is another process's", path);
    off_t size = lseek(g->fd, 0, SEEK_END);
    g->written = size > 0 ? (size_t)size / sizeof(record) : 0;
    g->free = calloc(max, sizeof *g->free);
    if (g->free == NULL)
        return dm_fail(err, DM_E_NOMEM, "what was given");
    *out = dm_steal(&g);
    return 0;
}

void dm_given_free(dm_given *g)
{
    if (g == NULL)
        return;
    if (g->fd >= 0)
        (void)close(g->fd);
    free(g->free);
    free(g);
}

static bool kept(const dm_given *g, size_t slot, record *out)
{
    size_t n = 0;
    return dm_pread_all(g->fd, out, sizeof *out, at(slot), &n, NULL) == 0 && n == sizeof *out &&
           memcmp(out->mark, mark, sizeof mark) == 0;
}

int dm_given_left(dm_given *g, dm_given_one *out)
{
    record r;
    while (g->unseen > 0) {
        size_t slot = --g->unseen;
        if (slot < g->written && kept(g, slot, &r)) {
            memcpy(out->id.b, r.id, sizeof r.id);
            out->worker.v = r.worker;
            return (int)slot;
        }
        g->free[g->nfree++] = (int)slot;
    }
    return DM_GIVEN_NONE;
}

int dm_given_keep(dm_given *g, const dm_given_one *one)
{
    record r = {.worker = one->worker.v};
    if (g->nfree == 0)
        return DM_GIVEN_NONE;
    int slot = g->free[g->nfree - 1];
    memcpy(r.id, one->id.b, sizeof r.id);
    memcpy(r.mark, mark, sizeof mark);
    if (dm_pwrite_all(g->fd, &r, sizeof r, at((size_t)slot), NULL) < 0)
        return DM_GIVEN_NONE;
    g->nfree--;
    return slot;
}

void dm_given_drop(dm_given *g, int slot)
{
    static const record none = {.worker = 0};
    if (slot == DM_GIVEN_NONE)
        return;
    (void)!dm_pwrite_all(g->fd, &none, sizeof none, at((size_t)slot), NULL); /* claimed twice, at worst */
    g->free[g->nfree++] = slot;
}
