/* api/life/removal.h: projects whose notice is over (tenants/sandbox/removal.h) are brought to their end: their
 * sandboxes are ordered to, and the project is closed when none is left. Any instance may do it, all may at once. */
#ifndef DM_API_LIFE_REMOVAL_H
#define DM_API_LIFE_REMOVAL_H

#include "api/kit/api.h"

/* Some times a minute; asks the database alone. *ended: sandboxes that end for it; *closed: projects. At most
 * DM_REMOVALS_MAX of both. */
int dm_removal_carry_out(dm_api *api, unsigned *ended, unsigned *closed, dm_err *err) DM_NODISCARD;

#endif
