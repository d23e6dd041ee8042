/* What people ordered becomes grants: the API writes what is asked for, with who and why; money is written by the meter
 * alone, here. And what is over: holds and grants. */
#include <stdio.h>

#include "metering/kit/sql_journal.h"
#include "metering/wallet/chores.h"
#include "metering/wallet/sql_settle.h"
#include "metering/wallet/turn.h"
#include "metering/wallet/wallet.h"

typedef struct one {
    dm_account_no account_no;
    int64_t no, now_s;
} one;

static one one_of(dm_wallet_turn *t, const dm_pg_rows *rows, size_t i)
{
    t->after = dm_pg_i64(rows, i, 0);
    return (one){.account_no = {dm_pg_i64(rows, i, 1)}, .no = t->after, .now_s = t->now_s};
}

/* --- orders ------------------------------------------------------------------------------------------------- */

typedef struct order {
    char id[DM_UUID_TEXT], kind[16], currency[4], reference[804], by[80], why[2004], approved[80];
    dm_money amount;
    int64_t expires_s;
    bool in_currency;
} order;

static int read_order(const dm_pg_rows *rows, order *o, dm_err *err)
{
    const struct {
        unsigned col;
        char *to;
        size_t n;
    } texts[] = {{0, o->id, sizeof(o->id)}, {1, o->kind, sizeof(o->kind)}, {2, o->currency, sizeof(o->currency)},
            {5, o->reference, sizeof(o->reference)}, {6, o->by, sizeof(o->by)}, {7, o->why, sizeof(o->why)},
            {8, o->approved, sizeof(o->approved)}};
    int r = 0;
    for (size_t i = 0; r == 0 && i < DM_LEN(texts); i++)
        r = dm_str_to_array(dm_pg_str(rows, 0, texts[i].col), texts[i].to, texts[i].n, err);
    o->expires_s = dm_pg_is_null(rows, 0, 4) ? DM_BURN_NEVER : dm_pg_i64(rows, 0, 4);
    o->in_currency = dm_pg_bool(rows, 0, 9);
    return r < 0 ? r : dm_money_parse(dm_pg_str(rows, 0, 3), &o->amount, err);
}

static const char *wrong_with(const order *o, int64_t now_s)
{
    if (!o->in_currency)
        return "the account is billed in another currency by now";
    return o->expires_s <= now_s ? "it was over before it could be booked" : NULL;
}

static int book_order(dm_pg *c, void *arg, dm_err *err)
{
    const one *w = arg;
    order o;
    char key[64];
    int64_t grant_no = 0;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_sql_journal_turn(c, w->account_no, err);
    if (r == 0)
        r = dm_sql_credit_take(c, w->account_no, w->no, &rows, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    r = read_order(rows, &o, err);
    if (r < 0)
        return r;
    (void)snprintf(key, sizeof(key), "order:%s", o.id);
    const dm_wallet_grant g = {.account_no = w->account_no,
            .kind = o.kind,
            .currency = o.currency,
            .amount = o.amount,
            .expires_s = o.expires_s,
            .idem_key = key,
            .order_no = w->no,
            .reference = o.reference,
            .who = o.by,
            .why = o.why,
            .approved_by = o.approved[0] != '\0' ? o.approved : NULL,
            .at_s = w->now_s};
    const char *wrong = wrong_with(&o, w->now_s);
    if (wrong == NULL)
        r = dm_wallet_give(c, &g, &grant_no, err);
    return r < 0 ? r : dm_sql_order_booked(c, w->account_no, w->no, grant_no, wrong, err);
}

static int list_orders(dm_pg *c, const dm_wallet_turn *t, dm_pg_rows **out, dm_err *err)
{
    return dm_sql_orders(c, t->after, DM_WALLET_PAGE, out, err);
}

static int each_order(dm_wallet_turn *t, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    one o = one_of(t, rows, i);
    return dm_wallet_step(t->conf, book_order, &o, err);
}

int dm_wallet_chore_orders(const dm_chore_config *c, dm_err *err)
{
    dm_wallet_turn t = {.conf = c, .list = list_orders, .each = each_order};
    return dm_wallet_each(&t, err);
}

/* --- what is over ------------------------------------------------------------------------------------------- */

static int list_holds(dm_pg *c, const dm_wallet_turn *t, dm_pg_rows **out, dm_err *err)
{
    return dm_sql_holds_over(c, t->after, t->now_s, DM_WALLET_PAGE, out, err);
}

static int list_grants(dm_pg *c, const dm_wallet_turn *t, dm_pg_rows **out, dm_err *err)
{
    return dm_sql_grants_over(c, t->after, t->now_s, DM_WALLET_PAGE, out, err);
}

static int void_hold(dm_pg *c, void *arg, dm_err *err)
{
    const one *o = arg;
    int r = dm_wallet_void(c, o->account_no, o->no, o->now_s, err);
    return r == DM_WALLET_OVER ? 0 : r; /* it was posted since */
}

static int expire_grant(dm_pg *c, void *arg, dm_err *err)
{
    const one *o = arg;
    return dm_wallet_expire(c, o->account_no, o->no, o->now_s, err);
}

static int each_hold(dm_wallet_turn *t, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    one o = one_of(t, rows, i);
    return dm_wallet_step(t->conf, void_hold, &o, err);
}

static int each_grant(dm_wallet_turn *t, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    one o = one_of(t, rows, i);
    return dm_wallet_step(t->conf, expire_grant, &o, err);
}

int dm_wallet_chore_over(const dm_chore_config *c, dm_err *err)
{
    dm_wallet_turn holds = {.conf = c, .list = list_holds, .each = each_hold};
    dm_wallet_turn grants = {.conf = c, .list = list_grants, .each = each_grant};
    int r = dm_wallet_each(&holds, err); /* what one of them kept may be over */
    return r != 0 ? r : dm_wallet_each(&grants, err);
}
