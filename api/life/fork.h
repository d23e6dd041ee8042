/* api/life/fork.h: others that begin with the memory and the disk of a sandbox that runs, which runs on. Blocks, as
 * start.h says.
 *
 * The children are begun one by one, as any start is, each with its row and its quota, before anything is made; one
 * that is refused is refused for itself. Then the parent's worker makes a checkpoint (base/wire/worker.h), and each
 * child is ordered to start from it there. Where there is no checkpoint, each row ends as a start that failed and gives
 * its quota back. Nobody lets the checkpoint go: it is held until the last of them must have been ordered, and then for
 * as long as one of them stands on it. */
#ifndef DM_API_LIFE_FORK_H
#define DM_API_LIFE_FORK_H

#include "api/life/start.h"

enum {
    DM_FORK_MAX = 100,       /* children at once */
    DM_FORK_AT_ONCE = 4,     /* of these, orders that are under way */
    DM_FORK_HOLD_S = 30,     /* so long, and */
    DM_FORK_HOLD_EACH_S = 3, /* for each of them, may pass until the last is ordered */
};

enum {
    DM_FORK_NONE = 1,    /* there is no such sandbox */
    DM_FORK_ASLEEP = 2,  /* it sleeps, or is about to */
    DM_FORK_BUSY = 3,    /* it starts or wakes: it may be asked again in a moment */
    DM_FORK_REFUSED = 4, /* by its worker: no */
    DM_FORK_AWAY = 5,    /* its worker cannot be reached */
    DM_FORK_SLOW = 6,    /* its worker did not answer in time */
};

typedef struct dm_fork_child {
    int r; /* as dm_start_one's */
    dm_start start;
    dm_err err;
} dm_fork_child;

typedef struct dm_fork {
    dm_sandbox_one parent;
    dm_dispatch_no no;
    char *env; /* of the parent, and so of each child; wiped */
    char checkpoint[64];
    dm_start_args args;
    size_t n;
    dm_fork_child *children; /* n of them */
} dm_fork;

/* 0: each child says what became of it. timeout_s is within the caller's limits: the mouth has looked. out: zeroed by
 * the caller, and dm_fork_done afterwards, whatever this returned. */
int dm_fork_one(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, size_t n, int64_t timeout_s,
        dm_fork *out, dm_err *err) DM_NODISCARD;
void dm_fork_done(dm_fork *f);
#define DM_AUTO_FORK __attribute__((cleanup(dm_fork_done), unused)) dm_fork

#endif
