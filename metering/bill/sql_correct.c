#include "metering/bill/sql_correct.h"

int dm_sql_late_periods(
        dm_pg *c, dm_account_no account_no, int64_t before, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"late_periods",
            "SELECT dm.us(l.period_start) / 1000000, p.period_s, s.number, l.through FROM (SELECT period_start, "
            "max(late_no) AS through FROM dm.late WHERE account_no = $1::bigint AND stated_in IS NULL "
            "AND period_start < dm.ts($2::bigint * 1000000) GROUP BY period_start ORDER BY period_start "
            "LIMIT $3::bigint) l JOIN dm.period p USING (period_start) LEFT JOIN dm.statement s "
            "ON s.account_no = $1::bigint AND s.period_start = l.period_start ORDER BY l.period_start",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(before), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_late_stated(dm_pg *c, dm_account_no account_no, int64_t start, int64_t through, int64_t in, dm_err *err)
{
    static const dm_pg_stmt st = {"late_stated",
            "UPDATE dm.late SET stated_in = dm.ts($4::bigint * 1000000) WHERE account_no = $1::bigint "
            "AND period_start = dm.ts($2::bigint * 1000000) AND late_no <= $3::bigint AND stated_in IS NULL",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start), dm_pa_i64(through), dm_pa_i64(in)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

/* --- what was stated ---------------------------------------------------------------------------------------- */

static int of_range(dm_pg *c, const dm_pg_stmt *st, dm_account_no account_no, int64_t start, int64_t before,
        const dm_sandbox_id *after, const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err)
{
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start), dm_pa_i64(before),
            dm_pa_bytes(after->b, sizeof(after->b)), dm_pa_bytes(last->b, sizeof(last->b))};
    return dm_pg_exec(c, st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_stated_lines(dm_pg *c, dm_account_no account_no, int64_t start, int64_t before, const dm_sandbox_id *after,
        const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err)
{
    /* Lines of a draft are of the period that is being stated. */
    static const dm_pg_stmt st = {"stated_lines",
            "SELECT sandbox_id, project_no, epoch, spec_table, spec, region_no, sku, tier, book_id, "
            "dm.us(charge_from) / 1000000 - $2::bigint, dm.us(charge_to) / 1000000 - $2::bigint, per_unit, "
            "kind = 'measured', sum(seconds)::bigint, sum(qty) FROM dm.statement_line l WHERE account_no = $1::bigint "
            "AND sandbox_id IN (SELECT sandbox_id FROM dm.late WHERE account_no = $1::bigint "
            "AND period_start = dm.ts($2::bigint * 1000000) AND stated_in IS NULL AND sandbox_id > $4 "
            "AND sandbox_id <= $5) AND period_start < dm.ts($3::bigint * 1000000) "
            "AND coalesce(corrects_period, period_start) = dm.ts($2::bigint * 1000000) "
            "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 HAVING sum(qty) <> 0 ORDER BY 1, 3, 4, 5, 6, 7, 10",
            DM_PG_ROWS};
    return of_range(c, &st, account_no, start, before, after, last, out, err);
}

int dm_sql_stated_pool(dm_pg *c, dm_account_no account_no, int64_t start, int64_t before, const dm_sandbox_id *after,
        const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"stated_pool",
            "SELECT sandbox_id, price_group, book_id, included_s, dm.us(charge_from) / 1000000 - $2::bigint, "
            "dm.us(charge_to) / 1000000 - $2::bigint, sum(seconds)::bigint FROM dm.statement_pool "
            "WHERE account_no = $1::bigint AND of_period = dm.ts($2::bigint * 1000000) "
            "AND period_start < dm.ts($3::bigint * 1000000) AND sandbox_id > $4 AND sandbox_id <= $5 "
            "GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(seconds) <> 0 ORDER BY 1, 5",
            DM_PG_ROWS};
    return of_range(c, &st, account_no, start, before, after, last, out, err);
}

/* --- months ------------------------------------------------------------------------------------------------- */

int dm_sql_month(dm_pg *c, dm_account_no account_no, int64_t second, dm_sql_month_row *out, dm_err *err)
{
    static const dm_pg_stmt st = {"late_month",
            "WITH m AS (SELECT f AT TIME ZONE 'UTC' AS f, (f + interval '1 month') AT TIME ZONE 'UTC' AS t FROM "
            "date_trunc('month', dm.ts($2::bigint * 1000000) AT TIME ZONE 'UTC') AS f) "
            "SELECT dm.us(f) / 1000000, dm.us(t) / 1000000, NOT EXISTS (SELECT FROM dm.statement s "
            "WHERE s.account_no = $1::bigint AND s.period_start >= f AND s.period_start < t "
            "AND s.pool_after_s IS NOT NULL AND NOT s.pool_kept), EXISTS (SELECT FROM dm.statement_pool p "
            "JOIN dm.price x USING (book_id) WHERE p.account_no = $1::bigint AND p.of_period >= f AND p.of_period < t "
            "AND x.sku = 'minutes' AND x.mode IS NOT NULL) FROM m",
            DM_PG_ONE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(second)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *out = (dm_sql_month_row){.from = dm_pg_i64(rows, 0, 0),
            .to = dm_pg_i64(rows, 0, 1),
            .kept = dm_pg_bool(rows, 0, 2),
            .tiers = dm_pg_bool(rows, 0, 3)};
    return 0;
}

int dm_sql_month_pool(dm_pg *c, dm_account_no account_no, int64_t from, int64_t to, int64_t before, int64_t limit,
        dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"late_month_pool",
            "SELECT dm.us(of_period) / 1000000, (dm.us(charge_from) - dm.us(of_period)) / 1000000, "
            "(dm.us(charge_to) - dm.us(of_period)) / 1000000, price_group, book_id, included_s, sum(seconds)::bigint "
            "FROM dm.statement_pool WHERE account_no = $1::bigint AND of_period >= dm.ts($2::bigint * 1000000) "
            "AND of_period < dm.ts($3::bigint * 1000000) AND period_start < dm.ts($4::bigint * 1000000) "
            "GROUP BY of_period, charge_from, charge_to, price_group, book_id, included_s "
            "ORDER BY of_period, charge_from, price_group COLLATE \"C\", book_id LIMIT $5::bigint",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(from), dm_pa_i64(to), dm_pa_i64(before), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_book(dm_pg *c, int64_t id, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"late_book",
            "SELECT b.book_id, b.price_group, b.rated_by, dm.us(b.valid_from) / 1000000, dm.us(b.valid_from) / "
            "1000000, "
            "coalesce(dm.us(b.valid_to) / 1000000, 1::bigint << 40), b.compute_type, b.compute_quality, "
            "c.id, " DM_SQL_PRICE ", b.tier, b.currency FROM dm.price_book b JOIN dm.price p USING (book_id) "
            "LEFT JOIN dm.contract c ON c.contract_no = b.contract_no "
            "WHERE b.book_id = $1::bigint AND b.status = 'approved' ORDER BY p.sku COLLATE \"C\"",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(id)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
