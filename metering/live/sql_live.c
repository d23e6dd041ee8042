#include "metering/live/sql_live.h"

int dm_sql_live_books(dm_pg *c, int64_t from, int64_t to, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"live_books",
            "SELECT b.book_id, b.price_group, b.tier, b.currency, b.rated_by, dm.us(b.valid_from) / 1000000, "
            "dm.us(b.valid_to) / 1000000, p.sku, p.per_unit FROM dm.price_book b JOIN dm.price p USING (book_id) "
            "WHERE b.status = 'approved' AND b.contract_no IS NULL AND b.compute_type = 'agent-sandbox' AND "
            "b.compute_quality = 'default' AND b.valid_from < to_timestamp($2::bigint) AND (b.valid_to IS NULL OR "
            "b.valid_to > "
            "to_timestamp($1::bigint)) ORDER BY b.book_id",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(from), dm_pa_i64(to)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_live_regions(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"live_regions", "SELECT region_no, price_group FROM dm.region", DM_PG_ROWS};
    return dm_pg_exec(c, &st, NULL, 0, out, NULL, err);
}

int dm_sql_live_specs(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"live_specs", "SELECT spec_table, spec, vcpus, mem_mib FROM dm.spec", DM_PG_ROWS};
    return dm_pg_exec(c, &st, NULL, 0, out, NULL, err);
}

int dm_sql_live_terms(dm_pg *c, dm_str asked, dm_pg_rows **out, dm_err *err)
{
    /* The first plan holds for whatever lies before it, too. */
    static const dm_pg_stmt st = {"live_terms",
            "SELECT x.n, p.account_no, a.currency, coalesce((SELECT l.tier FROM dm.account_plan l "
            "WHERE l.account_no = p.account_no AND l.valid_from <= to_timestamp(x.at) ORDER BY l.valid_from DESC "
            "LIMIT 1), (SELECT l.tier FROM dm.account_plan l WHERE l.account_no = p.account_no "
            "ORDER BY l.valid_from LIMIT 1)) FROM json_to_recordset($1::json) AS x (n int, project_no bigint, "
            "at bigint) JOIN dm.project p ON p.project_no = x.project_no JOIN dm.account a USING (account_no)",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_text(asked)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

void dm_sql_live_spent(dm_many *m, dm_pg *c)
{
    static const dm_pg_stmt st = {"live_spent",
            "INSERT INTO dm.spend_open (account_no, project_no, period_start, part, amount, running_s, per_second, "
            "running, through) SELECT x.account_no, x.project_no, to_timestamp(x.period_start), 0, x.amount, "
            "x.running_s, x.per_second, x.running, to_timestamp(x.through) FROM json_to_recordset($1::json) AS x "
            "(account_no bigint, project_no int, period_start bigint, amount numeric, running_s bigint, "
            "per_second numeric, running int, through bigint) ON CONFLICT (account_no, project_no, period_start, part) "
            "DO UPDATE SET amount = excluded.amount, running_s = excluded.running_s, "
            "per_second = excluded.per_second, running = excluded.running, through = excluded.through",
            DM_PG_NONE};
    dm_many_init(m, c, &st, NULL, 0);
}

int dm_sql_live_clock(dm_pg *c, int64_t through, dm_err *err)
{
    static const dm_pg_stmt st = {"live_clock",
            "INSERT INTO dm.spend_clock (part, through) VALUES (0, to_timestamp($1::bigint)) ON CONFLICT (part) "
            "DO UPDATE SET through = excluded.through",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(through)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_live_forget(dm_pg *c, int64_t max, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"live_forget",
            "SELECT account_no, dm.us(period_start) / 1000000 FROM dm.spend_forget($1::int)", DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(max)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_live_stated(dm_pg *c, dm_str asked, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"live_stated",
            "WITH x AS (SELECT account_no, month AS n, to_timestamp(month) AS month FROM "
            "json_to_recordset($1::json) AS x (account_no bigint, month bigint)) "
            "SELECT x.account_no, x.n, 0, coalesce(s.seconds, 0), coalesce(s.amount, 0) FROM x, LATERAL (SELECT "
            "sum(t.running_s)::bigint AS seconds, sum(t.total) AS amount FROM dm.statement t WHERE "
            "t.account_no = x.account_no AND t.period_start >= x.month AND t.period_start < x.month + interval "
            "'1 month' AND NOT EXISTS (SELECT FROM dm.spend_open o WHERE o.account_no = t.account_no AND "
            "o.period_start = t.period_start)) s UNION ALL "
            "SELECT x.account_no, x.n, d.project_no, d.seconds, d.amount FROM x, LATERAL (SELECT project_no, "
            "sum(running_s)::bigint AS seconds, sum(amount) AS amount FROM dm.usage_day WHERE "
            "account_no = x.account_no AND project_no <> 0 AND day >= (x.month AT TIME ZONE 'UTC')::date AND "
            "day < ((x.month + interval '1 month') AT TIME ZONE 'UTC')::date GROUP BY project_no) d",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_text(asked)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

void dm_sql_live_budgets(dm_many *m, dm_pg *c)
{
    static const dm_pg_stmt st = {"live_budgets",
            "INSERT INTO dm.budget_use AS b (account_no, project_no, month, seconds, spent_micros) "
            "SELECT x.account_no, x.project_no, (to_timestamp(x.month) AT TIME ZONE 'UTC')::date, x.seconds, "
            "x.spent_micros FROM json_to_recordset($1::json) AS x (account_no bigint, project_no int, month bigint, "
            "seconds bigint, spent_micros bigint) ON CONFLICT (account_no, project_no, month) DO UPDATE SET "
            "seconds = excluded.seconds, spent_micros = excluded.spent_micros "
            "WHERE (b.seconds, b.spent_micros) <> (excluded.seconds, excluded.spent_micros)",
            DM_PG_NONE};
    dm_many_init(m, c, &st, NULL, 0);
}
