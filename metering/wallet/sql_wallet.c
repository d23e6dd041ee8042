#include "metering/wallet/sql_wallet.h"

static dm_pg_arg second(int64_t s)
{
    return s == DM_BURN_NEVER ? dm_pa_null() : dm_pa_i64(s);
}

static dm_pg_arg unless_zero(int64_t v)
{
    return v != 0 ? dm_pa_i64(v) : dm_pa_null();
}

/* One row, one number. */
static int number(dm_pg *c, const dm_pg_stmt *st, const dm_pg_arg *args, size_t n, int64_t *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, n, &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_count(rows) > 0 ? dm_pg_i64(rows, 0, 0) : 0;
    return r;
}

/* What is asked of one row of an account. */
static int of(dm_pg *c, const dm_pg_stmt *st, dm_account_no account_no, int64_t no, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(no)};
    return dm_pg_exec(c, st, args, DM_LEN(args), out, NULL, err);
}

/* --- grants ------------------------------------------------------------------------------------------------- */

int dm_sql_wallet_granted(dm_pg *c, const char *idem_key, int64_t *grant_no, dm_err *err)
{
    static const dm_pg_stmt st = {
            "wallet_granted", "SELECT grant_no FROM dm.wallet_grant WHERE idem_key = $1", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(idem_key)};
    return number(c, &st, args, DM_LEN(args), grant_no, err);
}

int dm_sql_wallet_grant_add(dm_pg *c, const dm_wallet_grant *g, int64_t *grant_no, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_grant_add",
            "INSERT INTO dm.wallet_grant (account_no, kind, currency, amount, priority, valid_from, expires_at, "
            "idem_key, order_no, cause, reference, who, why, approved_by, remaining) VALUES ($1::bigint, $2, $3, "
            "$4::numeric, $5::bigint, dm.ts($6::bigint * 1000000), dm.ts($7::bigint * 1000000), $8, $9::bigint, $10, "
            "$11, $12, $13, $14, 0) RETURNING grant_no",
            DM_PG_ONE};
    char amount[DM_MONEY_TEXT];
    dm_money_print(g->amount, amount);
    bool paid = strcmp(g->kind, "paid") == 0;
    const dm_pg_arg args[] = {dm_pa_i64(g->account_no.v), dm_pa_c(g->kind), dm_pa_c(g->currency), dm_pa_c(amount),
            dm_pa_i64(paid ? DM_WALLET_PAID_LAST : DM_WALLET_GIVEN), dm_pa_i64(g->at_s), second(g->expires_s),
            dm_pa_c(g->idem_key), unless_zero(g->order_no), dm_pa_c(g->cause),
            dm_pa_c(g->reference != NULL ? g->reference : ""), dm_pa_c(g->who), dm_pa_c(g->why),
            dm_pa_c(g->approved_by)};
    return number(c, &st, args, DM_LEN(args), grant_no, err);
}

int dm_sql_wallet_judge(dm_pg *c, dm_account_no account_no, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_judge", "SELECT dm.wallet_judge($1::bigint)", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_wallet_grants(dm_pg *c, dm_account_no account_no, const char *currency, unsigned of_what, int64_t at_s,
        dm_money amount, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_grants",
            "SELECT grant_no, priority, dm.us(expires_at) / 1000000, kind = 'paid', free FROM ("
            " SELECT g.*, sum(free) OVER (ORDER BY priority, expires_at NULLS LAST, grant_no) - free AS before FROM ("
            "  SELECT w.*, dm.wallet_free(w, dm.ts($4::bigint * 1000000)) AS free FROM dm.wallet_grant w"
            "  WHERE account_no = $1::bigint AND currency = $2 AND remaining > 0"
            "  AND $3::bigint & CASE kind WHEN 'paid' THEN 2 ELSE 1 END <> 0) g WHERE free > 0) o "
            "WHERE before < $5::numeric ORDER BY priority, expires_at NULLS LAST, grant_no",
            DM_PG_ROWS};
    char text[DM_MONEY_TEXT];
    dm_money_print(amount, text);
    const dm_pg_arg args[] = {
            dm_pa_i64(account_no.v), dm_pa_c(currency), dm_pa_i64(of_what), dm_pa_i64(at_s), dm_pa_c(text)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

/* --- burns -------------------------------------------------------------------------------------------------- */

int dm_sql_wallet_burn_add(dm_pg *c, const dm_wallet_burn_row *b, int64_t *burn_no, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_burn_add",
            "INSERT INTO dm.wallet_burn (account_no, idem_key, kind, currency, asked, promo, paid, against, "
            "statement_no, reference, undoes, at) VALUES ($1::bigint, $2, $3, $4, $5::numeric, $6::numeric, "
            "$7::numeric, $8, $9::bigint, $10, $11::bigint, dm.ts($12::bigint * 1000000)) RETURNING burn_no",
            DM_PG_ONE};
    char asked[DM_MONEY_TEXT], promo[DM_MONEY_TEXT], paid[DM_MONEY_TEXT];
    dm_money_print(b->asked, asked);
    dm_money_print(b->sum.promo, promo);
    dm_money_print(b->sum.paid, paid);
    const dm_pg_arg args[] = {dm_pa_i64(b->account_no.v), dm_pa_c(b->idem_key), dm_pa_c(b->kind), dm_pa_c(b->currency),
            dm_pa_c(asked), dm_pa_c(promo), dm_pa_c(paid), dm_pa_c(b->against), unless_zero(b->statement.v),
            dm_pa_c(b->reference != NULL ? b->reference : ""), unless_zero(b->undoes), dm_pa_i64(b->at_s)};
    return number(c, &st, args, DM_LEN(args), burn_no, err);
}

static int part_add(dm_pg *c, const dm_pg_stmt *st, dm_account_no account_no, int64_t of_no, int64_t n,
        int64_t grant_no, dm_money amount, dm_err *err)
{
    char text[DM_MONEY_TEXT];
    dm_money_print(amount, text);
    const dm_pg_arg args[] = {
            dm_pa_i64(account_no.v), dm_pa_i64(of_no), dm_pa_i64(n), dm_pa_i64(grant_no), dm_pa_c(text)};
    return dm_pg_batch_add(c, st, args, DM_LEN(args), err);
}

int dm_sql_wallet_burn_part(
        dm_pg *c, dm_account_no account_no, int64_t burn_no, int64_t n, int64_t grant_no, dm_money amount, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_burn_part",
            "INSERT INTO dm.wallet_burn_part (account_no, burn_no, n, grant_no, amount) "
            "VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::numeric)",
            DM_PG_NONE};
    return part_add(c, &st, account_no, burn_no, n, grant_no, amount, err);
}

int dm_sql_wallet_burnt(dm_pg *c, const char *idem_key, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "wallet_burnt", "SELECT burn_no, promo, paid FROM dm.wallet_burn WHERE idem_key = $1", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(idem_key)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_wallet_burn_of(dm_pg *c, dm_account_no account_no, int64_t burn_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_burn_of",
            "SELECT currency, against FROM dm.wallet_burn WHERE account_no = $1::bigint AND burn_no = $2::bigint "
            "AND kind NOT IN ('correction', 'expiry')",
            DM_PG_MAYBE};
    return of(c, &st, account_no, burn_no, out, err);
}

int dm_sql_wallet_parts(dm_pg *c, dm_account_no account_no, int64_t burn_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_parts",
            "SELECT p.n, p.grant_no, dm.us(g.expires_at) / 1000000, g.kind = 'paid', p.amount + coalesce(("
            " SELECT sum(q.amount) FROM dm.wallet_burn u JOIN dm.wallet_burn_part q"
            "  ON q.account_no = u.account_no AND q.burn_no = u.burn_no"
            " WHERE u.account_no = p.account_no AND u.undoes = p.burn_no AND q.n = p.n), 0) "
            "FROM dm.wallet_burn_part p JOIN dm.wallet_grant g USING (account_no, grant_no) "
            "WHERE p.account_no = $1::bigint AND p.burn_no = $2::bigint ORDER BY p.n",
            DM_PG_ROWS};
    return of(c, &st, account_no, burn_no, out, err);
}

/* --- holds -------------------------------------------------------------------------------------------------- */

int dm_sql_wallet_hold_add(dm_pg *c, const dm_wallet_hold_what *w, int64_t *hold_no, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_hold_add",
            "INSERT INTO dm.wallet_hold (account_no, idem_key, currency, amount, reference, made_at, expires_at) "
            "VALUES ($1::bigint, $2, $3, $4::numeric, $5, dm.ts($6::bigint * 1000000), dm.ts($7::bigint * 1000000)) "
            "RETURNING hold_no",
            DM_PG_ONE};
    char amount[DM_MONEY_TEXT];
    dm_money_print(w->amount, amount);
    const dm_pg_arg args[] = {dm_pa_i64(w->account_no.v), dm_pa_c(w->idem_key), dm_pa_c(w->currency), dm_pa_c(amount),
            dm_pa_c(w->reference != NULL ? w->reference : ""), dm_pa_i64(w->at_s), dm_pa_i64(w->until_s)};
    return number(c, &st, args, DM_LEN(args), hold_no, err);
}

int dm_sql_wallet_hold_part(
        dm_pg *c, dm_account_no account_no, int64_t hold_no, int64_t n, int64_t grant_no, dm_money amount, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_hold_part",
            "INSERT INTO dm.wallet_hold_part (account_no, hold_no, n, grant_no, amount) "
            "VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::numeric)",
            DM_PG_NONE};
    return part_add(c, &st, account_no, hold_no, n, grant_no, amount, err);
}

int dm_sql_wallet_held(dm_pg *c, const char *idem_key, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_held", "SELECT hold_no FROM dm.wallet_hold WHERE idem_key = $1", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(idem_key)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_wallet_hold_of(dm_pg *c, dm_account_no account_no, int64_t hold_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_hold_of",
            "SELECT state, currency, idem_key FROM dm.wallet_hold WHERE account_no = $1::bigint "
            "AND hold_no = $2::bigint",
            DM_PG_MAYBE};
    return of(c, &st, account_no, hold_no, out, err);
}

int dm_sql_wallet_hold_parts(dm_pg *c, dm_account_no account_no, int64_t hold_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_hold_parts",
            "SELECT p.n, p.grant_no, dm.us(g.expires_at) / 1000000, g.kind = 'paid', p.amount "
            "FROM dm.wallet_hold_part p JOIN dm.wallet_grant g USING (account_no, grant_no) "
            "WHERE p.account_no = $1::bigint AND p.hold_no = $2::bigint ORDER BY p.n",
            DM_PG_ROWS};
    return of(c, &st, account_no, hold_no, out, err);
}

int dm_sql_wallet_hold_end(
        dm_pg *c, dm_account_no account_no, int64_t hold_no, int64_t burn_no, int64_t at_s, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_hold_end",
            "UPDATE dm.wallet_hold SET state = CASE WHEN $3::bigint IS NULL THEN 'voided' ELSE 'posted' END, "
            "burn_no = $3::bigint, ended_at = dm.ts($4::bigint * 1000000) WHERE account_no = $1::bigint "
            "AND hold_no = $2::bigint",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(hold_no), unless_zero(burn_no), dm_pa_i64(at_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

/* --- expiry ------------------------------------------------------------------------------------------------- */

int dm_sql_wallet_over(
        dm_pg *c, dm_account_no account_no, int64_t grant_no, int64_t at_s, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_over",
            "SELECT g.currency, g.remaining - g.held, (SELECT count(*) FROM dm.wallet_burn b "
            " JOIN dm.wallet_burn_part p USING (account_no, burn_no) WHERE b.account_no = g.account_no "
            " AND p.grant_no = g.grant_no AND b.kind = 'expiry') FROM dm.wallet_grant g "
            "WHERE g.account_no = $1::bigint AND g.grant_no = $2::bigint AND g.expires_at <= dm.ts($3::bigint * "
            "1000000) AND g.remaining > g.held",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(grant_no), dm_pa_i64(at_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
