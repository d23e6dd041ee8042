/* api/dm/denial.h: what was refused, as our own routes show it. */
#ifndef DM_API_DM_DENIAL_H
#define DM_API_DM_DENIAL_H

#include "base/json.h"

#include "tenants/plan/denials.h"

/* The object. */
void dm_write_denied(dm_jw *w, const dm_denied *d);

#endif
