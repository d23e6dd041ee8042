/* api/life/deadline.h: moving the moment at which a running sandbox expires: in its row first, then at its worker.
 * Blocks until the worker has answered: on a thread of the orders' pool (later.h). */
#ifndef DM_API_DEADLINE_H
#define DM_API_DEADLINE_H

#include "api/kit/api.h"
#include "tenants/sandbox/sandbox.h"

enum {
    DM_DEADLINE_NONE = 1,    /* it is not there, or asleep */
    DM_DEADLINE_BUSY = 2,    /* on its way: park and come again */
    DM_DEADLINE_REFUSED = 3, /* by the worker */
};

/* later_only: never shortens, and an end that does not move is not written again. one is the row afterwards, no what
 * the worker said to REFUSED. On a failure to reach it the row gets its old end back; DM_E_UNAVAILABLE: it
 * never heard of it, DM_E_TIMEOUT: nobody knows. */
int dm_deadline_move(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t end_us, bool later_only,
        dm_sandbox_one *one, dm_dispatch_no *no, dm_err *err) DM_NODISCARD;

#endif
