#include "metering/bill/sql_simulate.h"

int dm_sql_simulation_next(dm_pg *c, dm_simulation *out, dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_next",
            "SELECT simulation_no, book_id, dm.us(month::timestamp AT TIME ZONE 'UTC') / 1000000, "
            "dm.us((month + interval '1 month') AT TIME ZONE 'UTC') / 1000000, state = 'running', book_sha256 "
            "FROM dm.simulation WHERE state IN ('ordered', 'running') ORDER BY simulation_no LIMIT 1 FOR UPDATE",
            DM_PG_MAYBE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, NULL, 0, &rows, NULL, err);
    *out = (dm_simulation){.no = 0};
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    *out = (dm_simulation){.no = dm_pg_i64(rows, 0, 0),
            .book_id = dm_pg_i64(rows, 0, 1),
            .from_s = dm_pg_i64(rows, 0, 2),
            .to_s = dm_pg_i64(rows, 0, 3),
            .begun = dm_pg_bool(rows, 0, 4)};
    return dm_pg_bytes(rows, 0, 5, out->sha256.b, sizeof out->sha256.b, err);
}

int dm_sql_simulation_begin(dm_pg *c, const dm_simulation *s, dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_begin",
            "WITH a AS (INSERT INTO dm.simulation_account (simulation_no, account_no, through) SELECT $1::bigint, b, "
            "dm.ts($3::bigint * 1000000) FROM dm.book_accounts($2::bigint, dm.ts($3::bigint * 1000000)) b RETURNING 1) "
            "UPDATE dm.simulation SET state = 'running', started_at = now(), accounts = (SELECT count(*) FROM a) "
            "WHERE simulation_no = $1::bigint",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(s->no), dm_pa_i64(s->book_id), dm_pa_i64(s->from_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_simulation_end(dm_pg *c, int64_t no, const char *why, dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_end",
            "UPDATE dm.simulation s SET ended_at = now(), state = CASE WHEN $2::text IS NULL AND failed = 0 THEN "
            "'done' ELSE 'failed' END, outcome = coalesce($2::text, (SELECT a.failed FROM dm.simulation_account a "
            "WHERE a.simulation_no = s.simulation_no AND a.failed IS NOT NULL ORDER BY a.account_no LIMIT 1)) "
            "WHERE simulation_no = $1::bigint AND state IN ('ordered', 'running')",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(no), dm_pa_c(why)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_simulation_forget(dm_pg *c, int64_t days, dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_forget",
            "DELETE FROM dm.simulation s WHERE s.ended_at < now() - make_interval(days => $1::int) AND NOT EXISTS "
            "(SELECT FROM dm.price_book b WHERE b.simulation_no = s.simulation_no)",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(days)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_simulation_account(dm_pg *c, int64_t no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_account",
            "SELECT account_no, dm.us(through) / 1000000, pool_s, counts FROM dm.simulation_account WHERE "
            "simulation_no = $1::bigint AND NOT done ORDER BY account_no LIMIT 1",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_simulation_charged(dm_pg *c, dm_account_no account_no, int64_t month, int64_t from, int64_t to,
        int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"simulation_charged",
            "SELECT dm.us(s.period_start) / 1000000, s.period_s, s.total - coalesce((SELECT sum(l.amount) FROM "
            "dm.statement_line l WHERE l.account_no = s.account_no AND l.period_start = s.period_start "
            "AND l.kind = 'correction'), 0), coalesce((SELECT sum(p.seconds) FROM dm.statement_pool p WHERE "
            "p.account_no = s.account_no AND p.period_start = s.period_start AND p.of_period < p.period_start "
            "AND p.of_period >= dm.ts($2::bigint * 1000000)), 0)::bigint FROM dm.statement s "
            "WHERE s.account_no = $1::bigint AND s.period_start >= dm.ts($3::bigint * 1000000) "
            "AND s.period_start < dm.ts($4::bigint * 1000000) ORDER BY s.period_start LIMIT $5::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {
            dm_pa_i64(account_no.v), dm_pa_i64(month), dm_pa_i64(from), dm_pa_i64(to), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_simulation_keep(dm_pg *c, int64_t no, const dm_simulated *s, bool *kept, dm_err *err)
{
    static const dm_pg_stmt step = {"simulation_step",
            "UPDATE dm.simulation_account a SET through = dm.ts($4::bigint * 1000000), periods = a.periods + "
            "$5::bigint, pool_s = $6::bigint, counts = $7::jsonb, charged = a.charged + $8::numeric, tried = a.tried + "
            "$9::numeric, done = $10::boolean, failed = $11 FROM dm.simulation s WHERE a.simulation_no = $1::bigint "
            "AND a.account_no = $2::bigint AND a.through = dm.ts($3::bigint * 1000000) AND NOT a.done "
            "AND s.simulation_no = a.simulation_no AND s.state = 'running'",
            DM_PG_NONE};
    static const dm_pg_stmt sum = {"simulation_sum",
            "UPDATE dm.simulation s SET done = s.done + 1, failed = s.failed + (a.failed IS NOT NULL)::int, "
            "dearer = s.dearer + (a.difference > 0 AND a.failed IS NULL)::int, "
            "cheaper = s.cheaper + (a.difference < 0 AND a.failed IS NULL)::int, "
            "charged = s.charged + CASE WHEN a.failed IS NULL THEN a.charged ELSE 0 END, "
            "tried = s.tried + CASE WHEN a.failed IS NULL THEN a.tried ELSE 0 END FROM dm.simulation_account a "
            "WHERE s.simulation_no = $1::bigint AND s.state = 'running' AND a.simulation_no = s.simulation_no AND "
            "a.account_no = $2::bigint",
            DM_PG_NONE};
    char charged[DM_MONEY_TEXT], tried[DM_MONEY_TEXT];
    int64_t changed = 0;
    dm_money_print(s->charged, charged);
    dm_money_print(s->tried, tried);
    const dm_pg_arg args[] = {dm_pa_i64(no), dm_pa_i64(s->account_no.v), dm_pa_i64(s->through), dm_pa_i64(s->now),
            dm_pa_i64(s->periods), dm_pa_i64(s->pool_s), dm_pa_text(s->counts), dm_pa_c(charged), dm_pa_c(tried),
            dm_pa_bool(s->done), dm_pa_c(s->failed)};
    int r = dm_pg_exec(c, &step, args, DM_LEN(args), NULL, &changed, err);
    *kept = changed == 1;
    return r == 0 && *kept && s->done ? dm_pg_exec(c, &sum, args, 2, NULL, NULL, err) : r;
}
