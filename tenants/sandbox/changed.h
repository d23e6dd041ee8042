/* tenants/sandbox/changed.h: what of some projects changed lately, and how many sandboxes of one there are: for streams
 * that show it.
 *
 * What changed is found by when its row was written, on the database's clock. A transaction is seen when it has
 * committed, which is later: so whoever reads on looks back a little each time, and knows what he has told by id and
 * at_us. */
#ifndef DM_TENANTS_SANDBOX_CHANGED_H
#define DM_TENANTS_SANDBOX_CHANGED_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

typedef struct dm_changed {
    dm_project_no project;
    dm_sandbox_id id;
    int64_t at_us;
} dm_changed;

/* Role dm_ops, for all the projects: those written at since_us or later, the newest first. out has room for max; *n ==
 * max: there may be more that are older. */
int dm_changed_since(dm_pg *c, const dm_project_no *projects, size_t nprojects, int64_t since_us, size_t max,
        dm_changed *out, size_t *n, dm_err *err) DM_NODISCARD;
/* The database's clock. */
int dm_changed_clock(dm_pg *c, int64_t *us, dm_err *err) DM_NODISCARD;

enum { DM_COUNTS_MAX = 10000 }; /* each of them is counted up to this */

typedef struct dm_counts {
    int64_t running, asleep, changing; /* changing: on its way between those, or to its end */
    int64_t created_1m;                /* in the minute before now_us, those that have ended too */
} dm_counts;

/* In the project's scope. */
int dm_counts_read(dm_pg *c, dm_owner owner, int64_t now_us, dm_counts *out, dm_err *err) DM_NODISCARD;

#endif
