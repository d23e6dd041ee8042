/* tenants/plan/denials.h: what was refused, for a week, for its owner to read. Of one project and rule at most
 * DM_DENIALS_HOUR rows an hour; what comes after that raises the count of the newest. */
#ifndef DM_TENANTS_PLAN_DENIALS_H
#define DM_TENANTS_PLAN_DENIALS_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_DENIALS_HOUR = 60, DM_DENIALS_DAYS = 7 };

typedef struct dm_denied {
    int64_t no, at_us, last_us, count;
    dm_str who, sandbox, rule;
    dm_str denial; /* a JSON object */
} dm_denied;

/* Role dm_ops. Of d everything but no; several at once are one row with that count. */
int dm_denial_add(dm_pg *c, dm_owner owner, const dm_denied *d, dm_err *err) DM_NODISCARD;
/* What is older than a week, some thousands at most (role dm_ops). */
int dm_denials_expire(dm_pg *c, dm_err *err) DM_NODISCARD;

typedef struct dm_denials_window {
    int64_t from_us, to_us; /* both included; to_us 0: until now */
    dm_str rule;            /* .p NULL: any */
    int64_t before;         /* only rows before this number; 0: from the newest on */
    int64_t limit;
} dm_denials_window;

/* Newest first, in the scope of their project. The caller frees rows; dm_denial_row reads one each. total: of all that
 * the window and the rule leave. */
int dm_denials_list(dm_pg *c, dm_owner owner, const dm_denials_window *w, dm_pg_rows **rows, dm_pg_total *total,
        dm_err *err) DM_NODISCARD;
void dm_denial_row(const dm_pg_rows *rows, size_t i, dm_denied *out);

/* --- what changed lately ------------------------------------------------------------------------------------ */

/* A row is new, or its count has risen. */
typedef struct dm_denials_risen {
    dm_project_no project;
    int64_t no, last_us, count;
} dm_denials_risen;

/* Role dm_ops: those of the projects that were refused at since_us or later, the newest first. out has room for max;
 * *n == max: there may be more that are older. */
int dm_denials_since(dm_pg *c, const dm_project_no *projects, size_t nprojects, int64_t since_us, size_t max,
        dm_denials_risen *out, size_t *n, dm_err *err) DM_NODISCARD;
/* These alone, the oldest first; in the scope of their project. As dm_denials_list. */
int dm_denials_of(
        dm_pg *c, dm_owner owner, const int64_t *numbers, size_t n, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

#endif
