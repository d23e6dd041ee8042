/* workers/host/life.h: what may be asked of one sandbox. On the loop's thread; waiter->fn runs when it is done and
 * durable, also at once, and not at all when the call itself fails or is stale. An order that was carried out before is
 * answered as it was then. */
#ifndef DM_WORKERS_HOST_LIFE_H
#define DM_WORKERS_HOST_LIFE_H

#include "workers/host/worker.h"

enum { DM_ORDER_STALE = 1 }; /* an epoch older than what is here */

/* Both take over *admit (it is empty afterwards), unless they fail. */
int dm_worker_start(dm_worker *w, dm_wk_admit *admit, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_resume(dm_worker *w, dm_wk_admit *admit, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_pause(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_kill(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_deadline(dm_worker *w, dm_box *b, const dm_wk_deadline *d, dm_err *err) DM_NODISCARD;

#endif
