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

#endif
