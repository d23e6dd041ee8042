/* base/gather.h: what many threads want done is done together, where one doing costs little more for many than for one
 * (a statement and its commit). Who comes while no round is under way has one of his own at once; who comes while
 * rounds are waits, and goes with all who came by then, oldest first. So a round is as large as the load makes it, and
 * nobody ever waits for others to come. Any thread. */
#ifndef DM_BASE_GATHER_H
#define DM_BASE_GATHER_H

#include <stddef.h>

#include "base/err.h"

enum { DM_GATHER_MOST = 256 };

typedef struct dm_gather dm_gather;

/* Does a round, on the thread of one who waits for it. What became of each is for it to write into that. */
typedef void (*dm_gather_fn)(void *ctx, void *const *all, size_t n);

typedef struct dm_gather_config {
    unsigned most; /* in a round, DM_GATHER_MOST at most */
    dm_gather_fn fn;
    void *ctx;
} dm_gather_config;

int dm_gather_new(const dm_gather_config *config, dm_gather **out, dm_err *err) DM_NODISCARD;
void dm_gather_free(dm_gather *g); /* nobody may be in it */
DM_DEFINE_FREEP(dm_gather)

/* Comes back when a round with one in it has been done. */
void dm_gather_do(dm_gather *g, void *one);

#endif
