#include <stddef.h>
#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/plan/caps.h"
#include "tenants/plan/part.h"

static const dm_pg_stmt put = {"cap_put",
        "INSERT INTO dm.budget_cap (account_no, project_no, name, value, set_by) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (account_no, project_no, name) DO UPDATE SET value = excluded.value, set_by = excluded.set_by,"
        " set_at = now()",
        DM_PG_NONE};
static const dm_pg_stmt end = {
        "cap_end", "DELETE FROM dm.budget_cap WHERE account_no = $1 AND project_no = $2 AND name = $3", DM_PG_NONE};

int dm_cap_set(dm_pg *c, const dm_cap_change *k, dm_err *err)
{
    const char *name = k->seconds ? "month_seconds_max" : "spend_cap_micros";
    char object[160], value[32] = "none";
    int64_t project;
    int r = dm_part_find(c, k->account, k->slug, &project, err);
    if (r != 0)
        return r < 0 ? r : DM_CAPS_NO_PROJECT;
    const dm_pg_arg args[] = {
            dm_pa_i64(k->account.v), dm_pa_i64(project), dm_pa_c(name), dm_pa_i64(k->value), dm_pa_c(k->who)};
    r = dm_pg_exec(c, k->none ? &end : &put, args, k->none ? 3 : DM_LEN(args), NULL, NULL, err);
    if (r < 0)
        return r;
    if (!k->none)
        (void)snprintf(value, sizeof value, "%lld", (long long)k->value);
    (void)snprintf(object, sizeof object, "cap:%s:%s=%s", k->slug != NULL ? k->slug : "account", name, value);
    const dm_audit line = {.owner = {.account = k->account}, .who = k->who, .verb = "cap.set", .object = object};
    return dm_audit_add(c, &line, err);
}

static const dm_pg_stmt list = {"caps_list",
        "WITH s AS (SELECT 0 AS no, NULL::text AS slug UNION ALL SELECT p.project_no, p.slug FROM dm.project p"
        "  WHERE p.account_no = $1 AND EXISTS (SELECT FROM dm.budget_cap c WHERE c.account_no = $1"
        "   AND c.project_no = p.project_no))"
        " SELECT s.slug, m.value::text, trim_scale(k.value / 1000000.0)::text, b.seconds::text,"
        "  trim_scale(b.amount)::text, u.seconds::text, trim_scale(u.amount)::text, o.seconds::text,"
        "  trim_scale(o.amount)::text, a.currency,"
        "  CASE WHEN a.billing_cycle = 'hourly' THEN trim_scale(dm.wallet_left($1))::text END"
        " FROM s JOIN dm.account a ON a.account_no = $1"
        " LEFT JOIN dm.budget_cap m ON m.account_no = $1 AND m.project_no = s.no AND m.name = 'month_seconds_max'"
        " LEFT JOIN dm.budget_cap k ON k.account_no = $1 AND k.project_no = s.no AND k.name = 'spend_cap_micros'"
        " LEFT JOIN LATERAL (SELECT * FROM dm.budget_bounds_of($1, s.no) x WHERE x.scope = s.no LIMIT 1) b ON true"
        " CROSS JOIN LATERAL dm.budget_used($1, s.no) u CROSS JOIN LATERAL dm.budget_open($1, s.no, 0, NULL) o"
        " ORDER BY s.slug NULLS FIRST LIMIT $2",
        DM_PG_ROWS};

int dm_caps_read(dm_pg *c, dm_account_no account, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account.v), dm_pa_i64(DM_CAPS_MAX)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
}

void dm_caps_row_read(const dm_pg_rows *rows, size_t row, dm_caps *out, dm_caps_of *of)
{
    static const dm_pg_field fields[] = {{DM_COL_MAYBE, offsetof(dm_caps, slug)},
            {DM_COL_MAYBE, offsetof(dm_caps, seconds)}, {DM_COL_MAYBE, offsetof(dm_caps, money)},
            {DM_COL_MAYBE, offsetof(dm_caps, seconds_bound)}, {DM_COL_MAYBE, offsetof(dm_caps, money_bound)},
            {DM_COL_STR, offsetof(dm_caps, seconds_used)}, {DM_COL_STR, offsetof(dm_caps, money_used)},
            {DM_COL_STR, offsetof(dm_caps, seconds_open)}, {DM_COL_STR, offsetof(dm_caps, money_open)}};
    dm_pg_read(rows, row, 0, fields, DM_LEN(fields), out);
    static const dm_pg_field whole[] = {
            {DM_COL_STR, offsetof(dm_caps_of, currency)}, {DM_COL_MAYBE, offsetof(dm_caps_of, wallet)}};
    dm_pg_read(rows, row, 9, whole, DM_LEN(whole), of);
}
