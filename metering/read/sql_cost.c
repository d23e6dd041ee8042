#include "metering/read/cost.h"
#include "metering/read/usage.h"

/* $3: up to where; an hour may begin in the month before. */
static const dm_pg_stmt cost = {"cost_of",
        "WITH t AS (SELECT to_timestamp($3::bigint) - interval '1 hour' AS hour,"
        "  date_trunc('month', to_timestamp($3::bigint - 1) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month)"
        " SELECT sum(amount) FILTER (WHERE project_no = $2 AND period_start >= t.hour),"
        " sum(amount) FILTER (WHERE project_no = $2 AND period_start >= t.month), count(*),"
        " (SELECT currency FROM dm.statement WHERE account_no = $1 ORDER BY period_start DESC LIMIT 1)"
        " FROM t, LATERAL (SELECT project_no, amount, period_start FROM dm.statement_line WHERE account_no = $1"
        "  AND period_start >= least(t.hour, t.month) LIMIT $4::bigint) l",
        DM_PG_ONE};

int dm_read_cost_of(dm_pg *c, dm_owner owner, dm_read_cost *out, dm_err *err)
{
    dm_read_cost k = {.closed_through = 0};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_read_closed_through(c, &k.closed_through, err);
    if (r == 0 && k.closed_through == 0)
        *out = k;
    if (r < 0 || k.closed_through == 0)
        return r;
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(k.closed_through),
            dm_pa_i64(DM_COST_LINES_MAX + 1)};
    r = dm_pg_exec(c, &cost, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    bool all = dm_pg_i64(rows, 0, 2) <= DM_COST_LINES_MAX;
    k.has_hour = all && !dm_pg_is_null(rows, 0, 0);
    k.has_month = all && !dm_pg_is_null(rows, 0, 1);
    if (k.has_hour)
        r = dm_str_to_array(dm_pg_str(rows, 0, 0), k.hour, sizeof k.hour, err);
    if (r == 0 && k.has_month)
        r = dm_str_to_array(dm_pg_str(rows, 0, 1), k.month, sizeof k.month, err);
    if (r == 0 && (k.has_hour || k.has_month))
        r = dm_str_to_array(dm_pg_str(rows, 0, 3), k.currency, sizeof k.currency, err);
    if (r == 0)
        *out = k;
    return r;
}
