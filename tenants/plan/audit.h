/* tenants/plan/audit.h: who did what. What a sandbox went through is in its own events (tenants/sandbox/sandbox.h);
 * this is for the rest: keys, limits, projects, templates. */
#ifndef DM_TENANTS_PLAN_AUDIT_H
#define DM_TENANTS_PLAN_AUDIT_H

#include "base/pg.h"
#include "base/wire/number.h"

typedef struct dm_audit {
    dm_owner owner;
    const char *who;    /* "key:UUID", "operator:NAME", "worker:N", "policy:RULE" */
    const char *verb;   /* "key.add" */
    const char *object; /* "project:demo" */
    dm_str detail;      /* a JSON object, or .p NULL */
    const char *reason; /* the operator's, which stands in the detail; NULL: none was asked for */
} dm_audit;

/* In the transaction that does what it says. */
int dm_audit_add(dm_pg *c, const dm_audit *a, dm_err *err) DM_NODISCARD;

/* --- read --------------------------------------------------------------------------------------------------- */

typedef struct dm_audit_find {
    dm_owner owner;         /* project 0: the whole account */
    dm_str who, verb;       /* .n 0: any. A verb that ends in '.' is all that begin so: "key." */
    int64_t from_us, to_us; /* to is not included */
    int64_t before;         /* lines below that number; INT64_MAX: from the newest on */
    int64_t limit;
} dm_audit_find;

typedef struct dm_audit_row {
    int64_t no, at_us, project_no;
    dm_str who, verb, object, detail; /* borrowed from the rows; detail is JSON */
} dm_audit_row;

/* Newest first, in a transaction of the owner's scope; total: of all that the filter leaves. */
int dm_audit_list(dm_pg *c, const dm_audit_find *f, dm_pg_rows **out, dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_audit_row_read(const dm_pg_rows *rows, size_t row, dm_audit_row *out);

#endif
