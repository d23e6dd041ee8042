/* api/life/sweep.h: transitions that nobody carries out any more, because the API that began them died or its worker
 * did not answer, are brought to rest: a start is taken back, a sleep and an end are asked for again, a wake is what
 * its worker says that it is. What is on a host that was written off ends, where the operator's act did not come so
 * far (tenants/admin/writeoff.h). Any replica may do it, all may at once: orders are idempotent. Old Idempotency-Keys
 * are forgotten on the way. */
#ifndef DM_API_LIFE_SWEEP_H
#define DM_API_LIFE_SWEEP_H

#include "api/kit/api.h"
#include "api/life/dispatch.h"

/* Each second, and first of all when an API starts, on a thread of its own: it blocks for as long as a worker needs.
 * *done: how many came to rest. */
int dm_sweep(dm_api *api, dm_dispatch *dispatch, unsigned *done, dm_err *err) DM_NODISCARD;

#endif
