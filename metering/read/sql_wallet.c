#include "metering/read/wallet.h"

/* As it is, or ($2) as it was. */
static int of(dm_pg *c, const dm_pg_stmt *is, const dm_pg_stmt *was, dm_account_no account_no, int64_t at_us,
        dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(at_us)};
    return dm_pg_exec(c, at_us == 0 ? is : was, args, at_us == 0 ? 1 : 2, out, NULL, err);
}

/* --- the wallet --------------------------------------------------------------------------------------------- */

static const dm_pg_stmt head = {"read_wallet",
        "SELECT currency, dm.wallet_left(account_no)::numeric(38,18), billing_cycle = 'hourly' FROM dm.account "
        "WHERE account_no = $1::bigint",
        DM_PG_ONE};
static const dm_pg_stmt head_was = {"read_wallet_was",
        "SELECT currency, NULL, billing_cycle = 'hourly' FROM dm.account WHERE account_no = $1::bigint "
        "AND $2::bigint IS NOT NULL",
        DM_PG_ONE};
static const dm_pg_field heads[] = {{DM_COL_STR, offsetof(dm_wallet_head, currency)},
        {DM_COL_MAYBE, offsetof(dm_wallet_head, left)}, {DM_COL_BOOL, offsetof(dm_wallet_head, prepaid)}};

/* What was left of each grant at that moment: a plain sum of what had been taken of it and given back to it. */
#define GRANTS_THEN                                                                                                    \
    "FROM (SELECT dm.ts($2::bigint) AS at) i CROSS JOIN dm.wallet_grant g CROSS JOIN LATERAL (SELECT g.amount - "      \
    "coalesce((SELECT sum(p.amount) FROM dm.wallet_burn_part p JOIN dm.wallet_burn b USING (account_no, burn_no) "     \
    "WHERE p.account_no = g.account_no AND p.grant_no = g.grant_no AND b.at <= i.at), 0) AS remaining, "               \
    "coalesce((SELECT sum(p.amount) FROM dm.wallet_hold_part p JOIN dm.wallet_hold h USING (account_no, hold_no) "     \
    "WHERE p.account_no = g.account_no AND p.grant_no = g.grant_no AND h.made_at <= i.at "                             \
    "AND (h.ended_at IS NULL OR h.ended_at > i.at)), 0) AS held) r "                                                   \
    "WHERE g.account_no = $1::bigint AND g.valid_from <= i.at AND r.remaining > 0 AND (g.expires_at IS NULL "          \
    "OR g.expires_at > i.at OR r.held > 0) "

static const dm_pg_stmt balances = {"read_wallet_balances",
        "SELECT currency, kind, sum(dm.wallet_free(g, now()))::numeric(38,18), sum(held)::numeric(38,18) "
        "FROM dm.wallet_grant g WHERE account_no = $1::bigint AND remaining > 0 GROUP BY currency, kind "
        "HAVING sum(dm.wallet_free(g, now()) + held) > 0 ORDER BY currency, min(priority), kind",
        DM_PG_ROWS};
static const dm_pg_stmt balances_were = {"read_wallet_balances_were",
        "SELECT currency, kind, sum(CASE WHEN g.expires_at <= i.at THEN 0 ELSE r.remaining - r.held "
        "END)::numeric(38,18), "
        "sum(r.held)::numeric(38,18) " GRANTS_THEN "GROUP BY currency, kind ORDER BY currency, min(priority), kind",
        DM_PG_ROWS};
static const dm_pg_field balance[] = {{DM_COL_STR, offsetof(dm_wallet_balance, currency)},
        {DM_COL_STR, offsetof(dm_wallet_balance, kind)}, {DM_COL_STR, offsetof(dm_wallet_balance, free)},
        {DM_COL_STR, offsetof(dm_wallet_balance, held)}};

#define GRANT(remaining, held)                                                                                         \
    "SELECT g.id, g.kind, g.currency, g.amount, " remaining ", " held ", g.reference, g.why, g.priority, "             \
    "dm.us(g.valid_from), dm.us(g.expires_at), f.sandbox_id, f.cause, array_to_json(f.statements)::text, f.epoch, "    \
    "dm.us(f.lost_at), f.split "
#define FAULT "dm.wallet_fault f ON f.account_no = g.account_no AND f.grant_no = g.grant_no "
#define BURN_ORDER "ORDER BY g.currency, g.priority, g.expires_at NULLS LAST, g.grant_no LIMIT 1000"
static const dm_pg_stmt grants = {"read_wallet_grants",
        GRANT("g.remaining", "g.held") "FROM dm.wallet_grant g LEFT JOIN " FAULT "WHERE g.account_no = $1::bigint AND "
                                       "g.remaining > 0 AND (g.expires_at IS NULL OR g.expires_at > now() OR g.held > "
                                       "0) " BURN_ORDER,
        DM_PG_ROWS};
static const dm_pg_stmt grants_were = {"read_wallet_grants_were",
        GRANT("g.remaining", "g.held") "FROM (SELECT g.account_no, g.grant_no, g.id, g.kind, g.currency, g.amount, "
                                       "r.remaining::numeric(38,18), r.held::numeric(38,18), g.reference, g.why, "
                                       "g.priority, g.valid_from, "
                                       "g.expires_at " GRANTS_THEN ") g LEFT JOIN " FAULT BURN_ORDER,
        DM_PG_ROWS};
static const dm_pg_field grant[] = {{DM_COL_STR, offsetof(dm_wallet_given, id)},
        {DM_COL_STR, offsetof(dm_wallet_given, kind)}, {DM_COL_STR, offsetof(dm_wallet_given, currency)},
        {DM_COL_STR, offsetof(dm_wallet_given, amount)}, {DM_COL_STR, offsetof(dm_wallet_given, remaining)},
        {DM_COL_STR, offsetof(dm_wallet_given, held)}, {DM_COL_STR, offsetof(dm_wallet_given, reference)},
        {DM_COL_STR, offsetof(dm_wallet_given, why)}, {DM_COL_I64, offsetof(dm_wallet_given, priority)},
        {DM_COL_I64, offsetof(dm_wallet_given, from_us)}, {DM_COL_I64, offsetof(dm_wallet_given, expires_us)},
        {DM_COL_MAYBE, offsetof(dm_wallet_given, sandbox)}, {DM_COL_MAYBE, offsetof(dm_wallet_given, cause)},
        {DM_COL_MAYBE, offsetof(dm_wallet_given, statements)}, {DM_COL_I64, offsetof(dm_wallet_given, epoch)},
        {DM_COL_I64, offsetof(dm_wallet_given, lost_us)}, {DM_COL_BOOL, offsetof(dm_wallet_given, split)}};

static const dm_pg_stmt holds = {"read_wallet_holds",
        "SELECT id, currency, amount, reference, dm.us(made_at), dm.us(expires_at) FROM dm.wallet_hold "
        "WHERE account_no = $1::bigint AND state = 'pending' ORDER BY hold_no LIMIT 1000",
        DM_PG_ROWS};
static const dm_pg_stmt holds_were = {"read_wallet_holds_were",
        "SELECT id, currency, amount, reference, dm.us(made_at), dm.us(expires_at) FROM dm.wallet_hold "
        "WHERE account_no = $1::bigint AND made_at <= dm.ts($2::bigint) AND (ended_at IS NULL OR ended_at > "
        "dm.ts($2::bigint)) ORDER BY hold_no LIMIT 1000",
        DM_PG_ROWS};
static const dm_pg_field hold[] = {{DM_COL_STR, offsetof(dm_wallet_kept, id)},
        {DM_COL_STR, offsetof(dm_wallet_kept, currency)}, {DM_COL_STR, offsetof(dm_wallet_kept, amount)},
        {DM_COL_STR, offsetof(dm_wallet_kept, reference)}, {DM_COL_I64, offsetof(dm_wallet_kept, made_us)},
        {DM_COL_I64, offsetof(dm_wallet_kept, expires_us)}};

/* Column by column: of an order the API does not read who and why. */
static const dm_pg_stmt pending = {"read_wallet_pending",
        "SELECT id, kind, currency, amount, CASE WHEN needs_second AND approved_at IS NULL THEN 'waiting' ELSE "
        "'approved' END, dm.us(ordered_at) FROM dm.wallet_order WHERE account_no = $1::bigint AND booked_at IS NULL "
        "AND withdrawn_at IS NULL ORDER BY order_no LIMIT 1000",
        DM_PG_ROWS};
static const dm_pg_stmt pending_was = {"read_wallet_pending_was",
        "SELECT id, kind, currency, amount, CASE WHEN needs_second AND (approved_at IS NULL OR approved_at > i.at) "
        "THEN "
        "'waiting' ELSE 'approved' END, dm.us(ordered_at) FROM dm.wallet_order, (SELECT dm.ts($2::bigint) AS at) i "
        "WHERE account_no = $1::bigint AND ordered_at <= i.at AND (booked_at IS NULL OR booked_at > i.at) "
        "AND (withdrawn_at IS NULL OR withdrawn_at > i.at) ORDER BY order_no LIMIT 1000",
        DM_PG_ROWS};
static const dm_pg_field waits[] = {{DM_COL_STR, offsetof(dm_wallet_pending, id)},
        {DM_COL_STR, offsetof(dm_wallet_pending, kind)}, {DM_COL_STR, offsetof(dm_wallet_pending, currency)},
        {DM_COL_STR, offsetof(dm_wallet_pending, amount)}, {DM_COL_STR, offsetof(dm_wallet_pending, state)},
        {DM_COL_I64, offsetof(dm_wallet_pending, ordered_us)}};

void dm_read_wallet_done(dm_read_wallet *w)
{
    dm_pg_rows_free(w->head);
    dm_pg_rows_free(w->balances);
    dm_pg_rows_free(w->grants);
    dm_pg_rows_free(w->holds);
    dm_pg_rows_free(w->pending);
    *w = (dm_read_wallet){.head = NULL};
}

int dm_read_wallet_of(dm_pg *c, dm_account_no account_no, int64_t at_us, dm_read_wallet *w, dm_err *err)
{
    dm_read_wallet_done(w);
    int r = of(c, &head, &head_was, account_no, at_us, &w->head, err);
    if (r == 0)
        r = of(c, &balances, &balances_were, account_no, at_us, &w->balances, err);
    if (r == 0)
        r = of(c, &grants, &grants_were, account_no, at_us, &w->grants, err);
    if (r == 0)
        r = of(c, &holds, &holds_were, account_no, at_us, &w->holds, err);
    return r < 0 ? r : of(c, &pending, &pending_was, account_no, at_us, &w->pending, err);
}

void dm_read_wallet_head(const dm_read_wallet *w, dm_wallet_head *out)
{
    dm_pg_read(w->head, 0, 0, heads, DM_LEN(heads), out);
}

void dm_read_wallet_balance(const dm_read_wallet *w, size_t i, dm_wallet_balance *out)
{
    dm_pg_read(w->balances, i, 0, balance, DM_LEN(balance), out);
}

void dm_read_wallet_grant(const dm_read_wallet *w, size_t i, dm_wallet_given *out)
{
    dm_pg_read(w->grants, i, 0, grant, DM_LEN(grant), out);
}

void dm_read_wallet_hold(const dm_read_wallet *w, size_t i, dm_wallet_kept *out)
{
    dm_pg_read(w->holds, i, 0, hold, DM_LEN(hold), out);
}

void dm_read_wallet_pending(const dm_read_wallet *w, size_t i, dm_wallet_pending *out)
{
    dm_pg_read(w->pending, i, 0, waits, DM_LEN(waits), out);
}

/* --- entries ------------------------------------------------------------------------------------------------ */

static const dm_pg_stmt entries = {"read_wallet_entries",
        "SELECT b.burn_no, dm.us(b.at), b.statement_no, b.kind, b.currency, (b.promo + b.paid)::numeric(38,18), "
        "b.promo, "
        "b.paid, b.reference, (SELECT json_agg(json_build_object('grant', g.id, 'amount', p.amount::text) ORDER BY "
        "p.n) "
        " FROM dm.wallet_burn_part p JOIN dm.wallet_grant g USING (account_no, grant_no) "
        " WHERE p.account_no = b.account_no AND p.burn_no = b.burn_no)::text FROM dm.wallet_burn b "
        "WHERE b.account_no = $1::bigint AND b.burn_no < $2::bigint ORDER BY b.burn_no DESC LIMIT $3::bigint",
        DM_PG_ROWS};
static const dm_pg_field entry[] = {{DM_COL_I64, offsetof(dm_wallet_entry, no)},
        {DM_COL_I64, offsetof(dm_wallet_entry, at_us)}, {DM_COL_I64, offsetof(dm_wallet_entry, statement)},
        {DM_COL_STR, offsetof(dm_wallet_entry, kind)}, {DM_COL_STR, offsetof(dm_wallet_entry, currency)},
        {DM_COL_STR, offsetof(dm_wallet_entry, amount)}, {DM_COL_STR, offsetof(dm_wallet_entry, promo)},
        {DM_COL_STR, offsetof(dm_wallet_entry, paid)}, {DM_COL_STR, offsetof(dm_wallet_entry, reference)},
        {DM_COL_STR, offsetof(dm_wallet_entry, parts)}};

int dm_read_wallet_entries(dm_pg *c, dm_account_no account_no, int64_t before, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt count = {
            "read_wallet_count", DM_PG_COUNT("FROM dm.wallet_burn WHERE account_no = $1::bigint"), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &entries, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 1, total, err);
}

void dm_read_wallet_entry(const dm_pg_rows *rows, size_t i, dm_wallet_entry *out)
{
    dm_pg_read(rows, i, 0, entry, DM_LEN(entry), out);
}

/* --- of a sandbox ------------------------------------------------------------------------------------------- */

static const dm_pg_field credit[] = {{DM_COL_I64, offsetof(dm_wallet_credit, epoch)},
        {DM_COL_STR, offsetof(dm_wallet_credit, amount)}, {DM_COL_STR, offsetof(dm_wallet_credit, currency)},
        {DM_COL_STR, offsetof(dm_wallet_credit, statements)}, {DM_COL_BOOL, offsetof(dm_wallet_credit, split)}};

int dm_read_credits_of(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_credits_of",
            "SELECT epoch, amount, currency, array_to_json(statements)::text, split FROM dm.wallet_fault "
            "WHERE account_no = $1::bigint AND project_no = $2::bigint AND sandbox_id = $3 AND grant_no IS NOT NULL "
            "ORDER BY epoch LIMIT 100",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(id->b, sizeof id->b)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

void dm_read_credit(const dm_pg_rows *rows, size_t i, dm_wallet_credit *out)
{
    dm_pg_read(rows, i, 0, credit, DM_LEN(credit), out);
}
