/* api/life/sweep.h: transitions that stand still, because the API that began them died or its worker did not answer,
 * are carried to their end. Any replica may do it, all may at once: orders are idempotent. Old Idempotency-Keys are
 * forgotten on the way. */
#ifndef DM_API_SWEEP_H
#define DM_API_SWEEP_H

#include "api/kit/api.h"

/* Every few seconds, on a thread that may block. *done: how many came to rest. */
int dm_sweep(dm_api *api, unsigned *done, dm_err *err) DM_NODISCARD;

#endif
