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

static const dm_pg_stmt spends = {"spends_of",
        "SELECT o.project_no, sum(o.amount), sum(o.running_s)::bigint,"
        " coalesce(sum(o.per_second) FILTER (WHERE o.through > clock_timestamp() - interval '1 minute'), 0),"
        " coalesce(sum(o.running) FILTER (WHERE o.through > clock_timestamp() - interval '1 minute'), 0)::bigint,"
        " max(a.currency), dm.us(max(o.through))"
        " FROM dm.project p JOIN dm.account a USING (account_no) JOIN dm.spend_open o USING (account_no, project_no)"
        " WHERE p.project_no = ANY ($1::int[]) AND NOT EXISTS (SELECT FROM dm.statement t"
        "  WHERE t.account_no = o.account_no AND t.period_start = o.period_start)"
        " GROUP BY o.project_no ORDER BY o.project_no",
        DM_PG_ROWS};

int dm_read_spends_of(dm_pg *c, const dm_project_no *projects, size_t n, dm_read_spend *out, size_t *found, dm_err *err)
{
    DM_AUTO_BUF which;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_list(&which, &projects->v, n, sizeof *projects, err);
    const dm_pg_arg args[] = {dm_pa_text(dm_buf_view(&which))};
    if (r == 0)
        r = dm_pg_exec(c, &spends, args, DM_LEN(args), &rows, NULL, err);
    *found = r == 0 ? dm_pg_count(rows) : 0;
    for (size_t i = 0; r == 0 && i < *found; i++) {
        dm_read_spend *s = &out[i];
        *s = (dm_read_spend){.project = {dm_pg_i64(rows, i, 0)},
                .running_s = dm_pg_i64(rows, i, 2),
                .running = dm_pg_i64(rows, i, 4),
                .through_us = dm_pg_i64(rows, i, 6)};
        r = dm_str_to_array(dm_pg_str(rows, i, 1), s->amount, sizeof s->amount, err);
        if (r == 0)
            r = dm_str_to_array(dm_pg_str(rows, i, 3), s->per_second, sizeof s->per_second, err);
        if (r == 0)
            r = dm_str_to_array(dm_pg_str(rows, i, 5), s->currency, sizeof s->currency, err);
    }
    return r;
}
