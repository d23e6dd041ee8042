#include "metering/invoice/sql_month.h"

int dm_sql_months(dm_pg *c, int64_t before_s, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_months",
            "SELECT dm.us(m AT TIME ZONE 'UTC') / 1000000, dm.us((m + interval '1 month') AT TIME ZONE 'UTC') / "
            "1000000 "
            "FROM generate_series(date_trunc('month', (SELECT min(period_start) FROM dm.period) AT TIME ZONE 'UTC'), "
            "dm.ts($1::bigint * 1000000) AT TIME ZONE 'UTC' - interval '1 month', interval '1 month') m "
            "WHERE NOT EXISTS (SELECT FROM dm.invoice_round r WHERE r.month = m::date) "
            "AND (m + interval '1 month') AT TIME ZONE 'UTC' <= (SELECT period_start + make_interval(secs => period_s) "
            "FROM dm.period ORDER BY period_start DESC LIMIT 1) ORDER BY m LIMIT $2::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(before_s), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

#define MONTH_OF(n) "(dm.ts($" n "::bigint * 1000000) AT TIME ZONE 'UTC')::date"
/* An account that has statements in [$1, $2), or pays something without any, and no word on that month. */
#define SILENT                                                                                                         \
    "(EXISTS (SELECT FROM dm.statement s WHERE s.account_no = a.account_no "                                           \
    "AND s.period_start >= dm.ts($1::bigint * 1000000) AND s.period_start < dm.ts($2::bigint * 1000000)) OR "          \
    "EXISTS (SELECT FROM dm.contract k WHERE k.account_no = a.account_no AND k.status = 'approved' AND "               \
    "k.least_monthly > 0 "                                                                                             \
    "AND k.valid_from <= dm.ts($1::bigint * 1000000) AND (k.valid_to IS NULL OR k.valid_to >= dm.ts($2::bigint * "     \
    "1000000)))) "                                                                                                     \
    "AND NOT EXISTS (SELECT FROM dm.invoice_month m WHERE m.account_no = a.account_no AND m.month = " MONTH_OF(        \
            "1") ")"

int dm_sql_month_accounts(
        dm_pg *c, int64_t from_s, int64_t to_s, dm_account_no after, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_month_accounts",
            "SELECT a.account_no FROM dm.account a WHERE a.account_no > $3::bigint AND " SILENT " AND NOT EXISTS "
            "(SELECT FROM dm.account_period p WHERE p.account_no = a.account_no AND p.state = 'open' "
            "AND p.period_start < dm.ts($2::bigint * 1000000)) ORDER BY a.account_no LIMIT $4::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(from_s), dm_pa_i64(to_s), dm_pa_i64(after.v), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_month_begin(dm_pg *c, dm_account_no account_no, int64_t from_s, bool *done, int64_t *carried_s, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_month_begin",
            "SELECT EXISTS (SELECT FROM dm.invoice_month WHERE account_no = $1::bigint AND month = " MONTH_OF(
                    "2") "), "
                         "coalesce((SELECT dm.us(min(month)::timestamp AT TIME ZONE 'UTC') / 1000000 FROM "
                         "dm.invoice_month "
                         "WHERE account_no = $1::bigint AND outcome = 'carried' AND month < " MONTH_OF(
                                 "2") "), $2::bigint)",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(from_s)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *done = dm_pg_bool(rows, 0, 0);
    *carried_s = dm_pg_i64(rows, 0, 1);
    return 0;
}

int dm_sql_month_end(dm_pg *c, dm_account_no account_no, int64_t from_s, const char *outcome, int64_t invoice_no,
        const char *why, int64_t now_s, dm_err *err)
{
    static const dm_pg_stmt carried = {"invoice_month_carried",
            "UPDATE dm.invoice_month SET outcome = $3, invoice_no = $4::bigint, why = $5, at = dm.ts($6::bigint * "
            "1000000) WHERE account_no = $1::bigint AND month < " MONTH_OF("2") " AND outcome = 'carried'",
            DM_PG_NONE};
    static const dm_pg_stmt st = {"invoice_month_end",
            "INSERT INTO dm.invoice_month (account_no, month, outcome, invoice_no, why, at) VALUES "
            "($1::bigint, " MONTH_OF(
                    "2") ", $3, $4::bigint, $5, dm.ts($6::bigint * 1000000)) ON CONFLICT (account_no, month) "
                         "DO UPDATE SET outcome = excluded.outcome, invoice_no = excluded.invoice_no, why = "
                         "excluded.why, "
                         "at = excluded.at",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(from_s), dm_pa_c(outcome),
            invoice_no != 0 ? dm_pa_i64(invoice_no) : dm_pa_null(), dm_pa_c(why), dm_pa_i64(now_s)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
    return r < 0 || invoice_no == 0 ? r : dm_pg_exec(c, &carried, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_month_close(dm_pg *c, int64_t from_s, int64_t to_s, int64_t now_s, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_month_close",
            "INSERT INTO dm.invoice_round SELECT " MONTH_OF("1") ", dm.ts($3::bigint * 1000000) WHERE NOT EXISTS "
                                                                 "(SELECT FROM dm.account a WHERE " SILENT
                                                                 ") AND NOT EXISTS (SELECT FROM dm.account_period p "
                                                                 "WHERE p.state = 'open' AND p.period_start < "
                                                                 "dm.ts($2::bigint * 1000000)) ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(from_s), dm_pa_i64(to_s), dm_pa_i64(now_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}
