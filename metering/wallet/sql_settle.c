#include "metering/wallet/sql_settle.h"

/* --- settlements -------------------------------------------------------------------------------------------- */

/* What an invoice is of is paid there: before its month is over, too, where an operator ordered it. */
#define NOT_INVOICED                                                                                                   \
    "NOT EXISTS (SELECT FROM dm.invoice_statement i WHERE i.account_no = s.account_no "                                \
    "AND i.period_start = s.period_start AND i.live)"

int dm_sql_settle_owed(dm_pg *c, int64_t after, int64_t now_s, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"settle_owed",
            "SELECT a.account_no, a.currency FROM dm.account a LEFT JOIN dm.wallet v USING (account_no) "
            "CROSS JOIN LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE s.total <= 0) AS free FROM dm.statement "
            "s "
            " WHERE s.account_no = a.account_no AND s.number > coalesce(v.settled_through, 0) "
            " AND s.period_start >= dm.wallet_settles_from(dm.ts($2::bigint * 1000000)) AND " NOT_INVOICED ") o "
            "WHERE a.billing_cycle = 'hourly' AND a.account_no > $1::bigint AND o.n > 0 AND (o.free > 0 OR EXISTS ("
            " SELECT FROM dm.wallet_grant g WHERE g.account_no = a.account_no AND g.currency = a.currency "
            " AND g.remaining > 0 AND dm.wallet_free(g, dm.ts($2::bigint * 1000000)) > 0)) "
            "ORDER BY a.account_no LIMIT $3::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(now_s), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_settle_next(dm_pg *c, dm_account_no account_no, int64_t now_s, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"settle_next",
            "SELECT s.number, s.total - b.sum, b.n, s.currency FROM dm.statement s CROSS JOIN LATERAL ("
            " SELECT coalesce(sum(promo + paid), 0) AS sum, count(*) AS n FROM dm.wallet_burn w"
            " WHERE w.account_no = s.account_no AND w.statement_no = s.number) b "
            "WHERE s.account_no = $1::bigint AND s.number > coalesce((SELECT settled_through FROM dm.wallet "
            " WHERE account_no = $1::bigint), 0) "
            "AND s.period_start >= dm.wallet_settles_from(dm.ts($2::bigint * 1000000)) AND " NOT_INVOICED " "
            "AND EXISTS (SELECT FROM dm.account a WHERE a.account_no = s.account_no AND a.billing_cycle = 'hourly') "
            "ORDER BY s.number LIMIT 1",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(now_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_settle_through(dm_pg *c, dm_account_no account_no, int64_t number, dm_err *err)
{
    static const dm_pg_stmt st = {"settle_through",
            "INSERT INTO dm.wallet AS w (account_no, settled_through) VALUES ($1::bigint, $2::bigint) "
            "ON CONFLICT (account_no) DO UPDATE SET settled_through = excluded.settled_through",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_settle_undo(dm_pg *c, dm_account_no account_no, int64_t number, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"settle_undo",
            "SELECT b.burn_no, u.back FROM dm.wallet_burn b "
            "JOIN dm.statement s ON s.account_no = b.account_no AND s.number = b.statement_no "
            "CROSS JOIN LATERAL (SELECT b.paid + coalesce(sum(paid), 0) + CASE WHEN s.period_start < (SELECT "
            "  date_trunc('month', o.period_start, 'UTC') FROM dm.statement o WHERE o.account_no = $1::bigint "
            "  AND o.number = $2::bigint) OR NOT " NOT_INVOICED " THEN 0 ELSE b.promo + coalesce(sum(promo), 0) END "
            " AS back FROM dm.wallet_burn w WHERE w.account_no = b.account_no AND w.undoes = b.burn_no) u "
            "WHERE b.account_no = $1::bigint AND b.kind = 'statement' AND u.back > 0 "
            "ORDER BY s.period_start IN (SELECT l.corrects_period FROM dm.statement_line l JOIN dm.statement o "
            " USING (account_no, period_start) WHERE o.account_no = $1::bigint AND o.number = $2::bigint "
            " AND l.corrects_period IS NOT NULL) DESC, b.burn_no DESC LIMIT 1",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

/* --- orders ------------------------------------------------------------------------------------------------- */

int dm_sql_orders(dm_pg *c, int64_t after, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_orders",
            "SELECT order_no, account_no FROM dm.wallet_order WHERE booked_at IS NULL AND withdrawn_at IS NULL "
            "AND (NOT needs_second OR approved_at IS NOT NULL) AND order_no > $1::bigint ORDER BY order_no "
            "LIMIT $2::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_credit_take(dm_pg *c, dm_account_no account_no, int64_t order_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_order_take",
            "SELECT o.id, o.kind, o.currency, o.amount, dm.us(o.expires_at) / 1000000, o.reference, o.ordered_by, "
            "o.reason, o.approved_by, a.currency = o.currency FROM dm.wallet_order o JOIN dm.account a "
            "USING (account_no) WHERE o.account_no = $1::bigint AND o.order_no = $2::bigint AND o.booked_at IS NULL "
            "AND o.withdrawn_at IS NULL AND (NOT o.needs_second OR o.approved_at IS NOT NULL) FOR UPDATE OF o",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(order_no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_order_booked(
        dm_pg *c, dm_account_no account_no, int64_t order_no, int64_t grant_no, const char *refused, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_order_booked",
            "UPDATE dm.wallet_order SET booked_at = now(), grant_no = $3::bigint, refused = $4 "
            "WHERE account_no = $1::bigint AND order_no = $2::bigint",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(order_no),
            refused == NULL ? dm_pa_i64(grant_no) : dm_pa_null(), dm_pa_c(refused)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

/* --- what is over, and who pays by the hour ----------------------------------------------------------------- */

int dm_sql_holds_over(dm_pg *c, int64_t after, int64_t now_s, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_holds_over",
            "SELECT hold_no, account_no FROM dm.wallet_hold WHERE state = 'pending' "
            "AND expires_at <= dm.ts($2::bigint * 1000000) AND hold_no > $1::bigint ORDER BY hold_no LIMIT $3::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(now_s), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_grants_over(dm_pg *c, int64_t after, int64_t now_s, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_grants_over",
            "SELECT grant_no, account_no FROM dm.wallet_grant WHERE remaining > held "
            "AND expires_at <= dm.ts($2::bigint * 1000000) AND grant_no > $1::bigint ORDER BY grant_no "
            "LIMIT $3::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(now_s), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_hourly(dm_pg *c, int64_t after, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_hourly",
            "SELECT account_no FROM dm.account WHERE billing_cycle = 'hourly' AND account_no > $1::bigint "
            "ORDER BY account_no LIMIT $2::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
