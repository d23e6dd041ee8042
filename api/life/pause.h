/* api/life/pause.h: putting a sandbox to sleep, by call or for a policy. Blocks until the worker has answered: on a
 * thread of the orders' pool (later.h). */
#ifndef DM_API_LIFE_PAUSE_H
#define DM_API_LIFE_PAUSE_H

#include "api/kit/api.h"
#include "api/life/dispatch.h"
#include "tenants/sandbox/quota.h"

enum {
    DM_PAUSE_NONE = 1, /* it is not there, or ended, also just now */
    DM_PAUSE_ASLEEP,   /* it sleeps already */
    DM_PAUSE_JOIN,     /* another pause is under way: park and come again */
    DM_PAUSE_BUSY,     /* it wakes: park and come again */
    DM_PAUSE_REFUSED,  /* by the worker: it runs on */
    DM_PAUSE_AWAY,     /* the worker was never reached: it runs on */
    DM_PAUSE_SLOW,     /* nobody knows */
    DM_PAUSE_OVER,     /* its project's sleepers would take more than they may: it runs on; over */
};

/* cause: DM_CAUSE_PAUSED by call. A policy (caller's who is "policy:...") has a cause of its own or the same, and asks
 * for no room: nobody's work is thrown away for it.
 *
 * 0: memory and disk are durable. *no: what the worker said to REFUSED; over: of OVER; err says why of AWAY and SLOW.
 * Where the order may have arrived, the row stays `pausing` until an event, or the sweep, says how it ended. */
int dm_pause_one(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_cause cause, dm_dispatch_no *no,
        dm_quota_over *over, dm_err *err) DM_NODISCARD;

#endif
