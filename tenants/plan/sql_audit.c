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

#define LEFT                                                                                                           \
    " FROM dm.audit WHERE account_no = $1 AND ($2 = 0 OR project_no = $2) AND ($3 = '' OR who = $3)"                   \
    " AND ($4 = '' OR verb = $4 OR (right($4, 1) = '.' AND starts_with(verb, $4)))"                                    \
    " AND at >= dm.ts($5) AND at < dm.ts($6)"

static const dm_pg_stmt count = {"audit_count", DM_PG_COUNT(LEFT), DM_PG_ONE};
static const dm_pg_stmt list = {"audit_list",
        "SELECT audit_no, dm.us(at), project_no::bigint, who, verb, object, detail::text" LEFT
        " AND audit_no < $7 ORDER BY audit_no DESC LIMIT $8",
        DM_PG_ROWS};
static const dm_pg_field listed[] = {{DM_COL_I64, offsetof(dm_audit_row, no)},
        {DM_COL_I64, offsetof(dm_audit_row, at_us)}, {DM_COL_I64, offsetof(dm_audit_row, project_no)},
        {DM_COL_STR, offsetof(dm_audit_row, who)}, {DM_COL_STR, offsetof(dm_audit_row, verb)},
        {DM_COL_STR, offsetof(dm_audit_row, object)}, {DM_COL_STR, offsetof(dm_audit_row, detail)}};

int dm_audit_list(dm_pg *c, const dm_audit_find *f, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    enum { OF_FILTER = 6 };
    const dm_pg_arg args[] = {dm_pa_i64(f->owner.account.v), dm_pa_i64(f->owner.project.v),
            dm_pa_text(f->who.n > 0 ? f->who : DM_STR("")), dm_pa_text(f->verb.n > 0 ? f->verb : DM_STR("")),
            dm_pa_i64(f->from_us), dm_pa_i64(f->to_us), dm_pa_i64(f->before), dm_pa_i64(f->limit)};
    int r = dm_pg_exec(c, &list, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, OF_FILTER, total, err);
}

void dm_audit_row_read(const dm_pg_rows *rows, size_t row, dm_audit_row *out)
{
    dm_pg_read(rows, row, 0, listed, DM_LEN(listed), out);
}
