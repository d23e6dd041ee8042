/* api/kit/refusals.h: what was refused to whom, gathered here and written now and then (tenants/plan/denials.h), so
 * that a flood of refusals waits for no database. Of one project and rule so many are kept apart between two writes,
 * and a project has a quarter of all places; what is more raises the count of the newest like it, or is counted as
 * dropped. What is gathered and not yet written is lost with the process: it is shown, never billed. Thread-safe. */
#ifndef DM_API_KIT_REFUSALS_H
#define DM_API_KIT_REFUSALS_H

#include "base/clock.h"
#include "base/pg.h"
#include "base/wire/denial.h"
#include "base/wire/number.h"

#include "api/limits.h"

typedef struct dm_refusals dm_refusals;

typedef struct dm_refusal {
    dm_owner owner;
    const char *who;
    dm_str sandbox; /* what the path named; empty: none */
    const dm_denial *denial;
    const char *text; /* its JSON, where another made it; NULL or "": of denial */
} dm_refusal;

int dm_refusals_new(const dm_clock *clock, dm_refusals **out, dm_err *err) DM_NODISCARD;
void dm_refusals_free(dm_refusals *r);
/* Owner without a project: nobody's, and not kept. Does not block. */
void dm_refusals_add(dm_refusals *r, const dm_refusal *one);
/* Role dm_ops, a transaction of its own; also forgets what is too old. *dropped: of how many nothing was kept since the
 * last write. What could not be written is lost. */
int dm_refusals_write(dm_refusals *r, dm_pg_pool *ops, uint64_t *dropped, dm_err *err) DM_NODISCARD;

#endif
