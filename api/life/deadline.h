/* api/life/deadline.h: moving the moment at which a running sandbox expires: in its row first, then at its worker.
 * Blocks until the worker has answered: on a thread of the orders' pool (later.h). */
#ifndef DM_API_LIFE_DEADLINE_H
#define DM_API_LIFE_DEADLINE_H

#include "api/kit/api.h"
#include "api/life/dispatch.h"
#include "tenants/sandbox/sandbox.h"

enum {
    DM_DEADLINE_NONE = 1,    /* it is not there, or asleep */
    DM_DEADLINE_BUSY = 2,    /* on its way: park and come again */
    DM_DEADLINE_REFUSED = 3, /* by the worker */
    DM_DEADLINE_AWAY = 4,    /* the worker was never reached: the end is as it was */
    DM_DEADLINE_SLOW = 5,    /* nobody knows; the row has its old end back */
};

/* later_only: never shortens, and an end that does not move is not written again. one is the row afterwards, no what
 * the worker said to REFUSED; err says why of AWAY and SLOW. */
int dm_deadline_move(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t end_us, bool later_only,
        dm_sandbox_one *one, dm_dispatch_no *no, dm_err *err) DM_NODISCARD;

#endif
