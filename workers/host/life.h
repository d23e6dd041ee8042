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
/* DM_E_LIMIT: its image would take more than room_mib, unless that is 0. DM_E_UNAVAILABLE: the host's disk has no room
 * for it. Then it runs on. */
int dm_worker_pause(dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, int64_t room_mib, dm_box_waiter *waiter,
        dm_err *err) DM_NODISCARD;
int dm_worker_kill(
        dm_worker *w, dm_box *b, int64_t epoch, dm_cause cause, dm_box_waiter *waiter, dm_err *err) DM_NODISCARD;
int dm_worker_deadline(dm_worker *w, dm_box *b, const dm_wk_deadline *d, dm_err *err) DM_NODISCARD;
/* seconds.c: somebody has been given b, which runs. The second it was handed out in, or the first that is not framed
 * yet, is the first that counts. call may be NULL; else it runs when that is durable, also of one that was claimed
 * before. Pause, deadline and kill claim by themselves, but for a kill with start_failed. */
void dm_worker_claim(dm_worker *w, dm_box *b, dm_call *call);
/* waiter->fn runs when what b is now is durable, whatever came of what was under way. No order to wake it in the epoch
 * over or an older one is carried out from now on, but for one that is under way. */
void dm_worker_look(dm_box *b, int64_t over, dm_box_waiter *waiter);

#endif
