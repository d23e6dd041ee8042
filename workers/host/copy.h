/* workers/host/copy.h: a checkpoint of a sandbox: an image of one moment of it, from which others start (life.h), while
 * it runs on, or sleeps on. Its VM stands still for as long as its memory and disk are copied; what makes a base of
 * that, and gives it its name in the store, is done beside it. One copy of a sandbox is made at a time, the others
 * wait; and so does a pause. On the loop's thread. */
#ifndef DM_WORKERS_HOST_COPY_H
#define DM_WORKERS_HOST_COPY_H

#include "workers/host/worker.h"

enum { DM_COPIES_MAX = 8 }; /* of one sandbox, that wait or are made */

/* out is borrowed; its name is the order's. */
typedef void (*dm_copy_done_fn)(void *arg, const dm_wk_copied *out, int r, const dm_err *err);

/* Of one name once, ever: what is left of one that failed goes by its name. 0: done runs when it is durable, also at
 * once; one that was made before is told of as it is. DM_ORDER_STALE (life.h),
 * or a failure: done does not run. DM_E_LIMIT: too many wait. DM_E_CONFLICT: it neither runs nor sleeps.
 * DM_E_UNAVAILABLE: the host's disk has no room. */
int dm_worker_copy(
        dm_worker *w, dm_box *b, const dm_wk_copy *order, dm_copy_done_fn done, void *arg, dm_err *err) DM_NODISCARD;
/* Its VM stands still, or is about to, for a copy. */
static inline bool dm_copies_busy(const dm_box *b)
{
    return b->copies != NULL;
}
/* Its machine is gone: what was to be copied from it fails. */
void dm_copies_drop(dm_box *b);

#endif
