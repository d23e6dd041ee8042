#include "metering/ask/credit.h"

/* --- an order ----------------------------------------------------------------------------------------------- */

/* 0 with its number. */
static int account_of(dm_pg *c, const char *id, const char *currency, int64_t *no, dm_err *err)
{
    static const dm_pg_stmt st = {
            "credit_account", "SELECT account_no, currency FROM dm.account WHERE id = $1::uuid", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_CREDIT_NO_ACCOUNT;
    *no = dm_pg_i64(rows, 0, 0);
    return currency == NULL || dm_str_eq_c(dm_pg_str(rows, 0, 1), currency) ? 0 : DM_CREDIT_CURRENCY;
}

/* What the key ordered before, if it was this. */
static int ordered_before(dm_pg *c, const dm_pg_arg *args, size_t n, char id[DM_UUID_TEXT], dm_err *err)
{
    static const dm_pg_stmt st = {"credit_before",
            "SELECT id, kind = $3 AND currency = $4 AND amount = $5::numeric AND ordered_by = $8 AND reference = $7 "
            "AND reason = $9 AND expires_at IS NOT DISTINCT FROM dm.ts($6::bigint) FROM dm.wallet_order "
            "WHERE account_no = $1::bigint AND idem_key = $2",
            DM_PG_ONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, n, &rows, NULL, err);
    if (r < 0)
        return r;
    if (!dm_pg_bool(rows, 0, 1))
        return DM_CREDIT_OTHER;
    r = dm_str_to_array(dm_pg_str(rows, 0, 0), id, DM_UUID_TEXT, err);
    return r < 0 ? r : DM_CREDIT_AGAIN;
}

int dm_credit_order(dm_pg *c, const dm_credit_new *o, char id[DM_UUID_TEXT], dm_err *err)
{
    static const dm_pg_stmt st = {"credit_order",
            "INSERT INTO dm.wallet_order (account_no, idem_key, kind, currency, amount, expires_at, reference, "
            "ordered_by, reason) VALUES ($1::bigint, coalesce($2, gen_random_uuid()::text), $3, $4, $5::numeric, "
            "dm.ts($6::bigint), $7, $8, $9) ON CONFLICT (account_no, idem_key) DO NOTHING RETURNING id",
            DM_PG_MAYBE};
    char amount[DM_MONEY_TEXT];
    int64_t account_no = 0;
    int r = account_of(c, o->account_id, o->currency, &account_no, err);
    if (r != 0)
        return r;
    dm_money_print(o->amount, amount);
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_text(o->key), dm_pa_c(o->kind), dm_pa_c(o->currency),
            dm_pa_c(amount), o->expires_us != 0 ? dm_pa_i64(o->expires_us) : dm_pa_null(),
            dm_pa_c(o->reference != NULL ? o->reference : ""), dm_pa_c(o->who), dm_pa_c(o->reason)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return ordered_before(c, args, DM_LEN(args), id, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 0), id, DM_UUID_TEXT, err);
}

/* --- its steps ---------------------------------------------------------------------------------------------- */

/* Locked: what is decided meanwhile is seen. 0 with its state, who ordered and who approved it. */
static int take(dm_pg *c, const char *account_id, const char *id, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"credit_take",
            "SELECT dm.wallet_order_state(o), o.ordered_by, o.approved_by FROM dm.wallet_order o WHERE o.id = $2::uuid "
            "AND o.account_no = (SELECT account_no FROM dm.account WHERE id = $1::uuid) FOR UPDATE",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(account_id), dm_pa_c(id)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r == 0 && dm_pg_count(*out) == 0 ? DM_CREDIT_NONE : r;
}

static int step(dm_pg *c, const dm_pg_stmt *st, const char *id, const char *who, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(id), dm_pa_c(who)};
    return dm_pg_exec(c, st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_credit_approve(dm_pg *c, const char *account_id, const char *id, const char *who, dm_err *err)
{
    static const dm_pg_stmt st = {"credit_approve",
            "UPDATE dm.wallet_order SET approved_by = $2, approved_at = now() WHERE id = $1::uuid", DM_PG_NONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = take(c, account_id, id, &rows, err);
    if (r != 0)
        return r;
    if (dm_str_eq_c(dm_pg_str(rows, 0, 2), who))
        return DM_CREDIT_AGAIN;
    if (!dm_str_eq_c(dm_pg_str(rows, 0, 0), "waiting"))
        return DM_CREDIT_DECIDED;
    return dm_str_eq_c(dm_pg_str(rows, 0, 1), who) ? DM_CREDIT_SAME : step(c, &st, id, who, err);
}

int dm_credit_withdraw(dm_pg *c, const char *account_id, const char *id, const char *who, dm_err *err)
{
    static const dm_pg_stmt st = {"credit_withdraw",
            "UPDATE dm.wallet_order SET withdrawn_by = $2, withdrawn_at = now() WHERE id = $1::uuid", DM_PG_NONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = take(c, account_id, id, &rows, err);
    if (r != 0)
        return r;
    dm_str state = dm_pg_str(rows, 0, 0);
    if (dm_str_eq_c(state, "withdrawn"))
        return DM_CREDIT_AGAIN;
    return dm_str_eq_c(state, "waiting") || dm_str_eq_c(state, "approved") ? step(c, &st, id, who, err)
                                                                           : DM_CREDIT_DECIDED;
}

/* --- read --------------------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                        \
    "SELECT o.order_no, o.account_no, dm.us(o.expires_at), dm.us(o.ordered_at), dm.us(o.approved_at), "                \
    "dm.us(o.withdrawn_at), dm.us(o.booked_at), o.id, o.kind, o.currency, o.amount, o.reference, o.ordered_by, "       \
    "o.reason, o.approved_by, o.withdrawn_by, o.refused, dm.wallet_order_state(o), o.needs_second "                    \
    "FROM dm.wallet_order o "

static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_credit, no)},
        {DM_COL_I64, offsetof(dm_credit, account_no)}, {DM_COL_I64, offsetof(dm_credit, expires_us)},
        {DM_COL_I64, offsetof(dm_credit, ordered_us)}, {DM_COL_I64, offsetof(dm_credit, approved_us)},
        {DM_COL_I64, offsetof(dm_credit, withdrawn_us)}, {DM_COL_I64, offsetof(dm_credit, booked_us)},
        {DM_COL_STR, offsetof(dm_credit, id)}, {DM_COL_STR, offsetof(dm_credit, kind)},
        {DM_COL_STR, offsetof(dm_credit, currency)}, {DM_COL_STR, offsetof(dm_credit, amount)},
        {DM_COL_STR, offsetof(dm_credit, reference)}, {DM_COL_STR, offsetof(dm_credit, ordered_by)},
        {DM_COL_STR, offsetof(dm_credit, reason)}, {DM_COL_MAYBE, offsetof(dm_credit, approved_by)},
        {DM_COL_MAYBE, offsetof(dm_credit, withdrawn_by)}, {DM_COL_MAYBE, offsetof(dm_credit, refused)},
        {DM_COL_STR, offsetof(dm_credit, state)}, {DM_COL_BOOL, offsetof(dm_credit, needs_second)}};

void dm_credit_read(const dm_pg_rows *rows, size_t i, dm_credit *out)
{
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

int dm_credit_find(dm_pg *c, const char *account_id, const char *id, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"credit_find",
            COLUMNS "JOIN dm.account a USING (account_no) WHERE a.id = $1::uuid AND o.id = $2::uuid", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_c(account_id), dm_pa_c(id)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r == 0 && dm_pg_count(*out) == 0 ? DM_CREDIT_NONE : r;
}

#define OF_ACCOUNT "o.account_no = $1::bigint AND ($2::text IS NULL OR dm.wallet_order_state(o) = $2::text)"
int dm_credit_list(dm_pg *c, const char *account_id, dm_str state, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"credit_list",
            COLUMNS "WHERE " OF_ACCOUNT " AND o.order_no < $3::bigint ORDER BY o.order_no DESC LIMIT $4::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {
            "credit_count", DM_PG_COUNT("FROM dm.wallet_order o WHERE " OF_ACCOUNT), DM_PG_ONE};
    int64_t account_no = 0;
    int r = account_of(c, account_id, NULL, &account_no, err);
    const dm_pg_arg args[] = {dm_pa_i64(account_no), dm_pa_text(state.n > 0 ? state : (dm_str){NULL, 0}),
            dm_pa_i64(before), dm_pa_i64(limit)};
    if (r == 0)
        r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r != 0 ? r : dm_pg_count_of(c, &count, args, 2, total, err);
}
