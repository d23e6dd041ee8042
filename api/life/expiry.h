/* api/life/expiry.h: what has slept for as long as it may gets its notice, and ends when that is over
 * (tenants/sandbox/expiry.h). Any instance may do it, all may at once. */
#ifndef DM_API_LIFE_EXPIRY_H
#define DM_API_LIFE_EXPIRY_H

#include "api/kit/api.h"

typedef struct dm_expiry_done {
    unsigned noticed, ended; /* sandboxes */
} dm_expiry_done;

/* A round, some times a minute; asks the database alone. It carries out at most DM_EXPIRIES_MAX notices, and looks at
 * the DM_EXPIRY_PROJECTS next projects after *after, which it moves on; 0 to begin with, and again after the last. */
int dm_expiry_carry_out(dm_api *api, int64_t *after, dm_expiry_done *done, dm_err *err) DM_NODISCARD;

#endif
