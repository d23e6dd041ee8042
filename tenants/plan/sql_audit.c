#include "tenants/plan/audit.h"

static const dm_pg_stmt add = {"audit_add",
        "INSERT INTO dm.audit (account_no, project_no, who, verb, object, detail)"
        " VALUES ($1, $2, $3, $4, $5, coalesce($6::jsonb, '{}')"
        "  || CASE WHEN $7::text IS NULL THEN '{}' ELSE jsonb_build_object('reason', $7::text) END)",
        DM_PG_NONE};

int dm_audit_add(dm_pg *c, const dm_audit *a, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(a->owner.account.v), dm_pa_i64(a->owner.project.v), dm_pa_c(a->who),
            dm_pa_c(a->verb), dm_pa_c(a->object), dm_pa_text(a->detail),
            a->reason != NULL ? dm_pa_c(a->reason) : dm_pa_null()};
    return dm_pg_exec(c, &add, args, DM_LEN(args), NULL, NULL, err);
}
