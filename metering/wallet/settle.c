/* Statements of accounts that pay by the hour are settled of the wallet. Where it is empty, a statement stays settled
 * in part, and those after it wait: the next grant goes on there. Each burn names its statement, so what is left of one
 * is always what it says less what was burnt for it; a key of its own for each makes a second run find the first. */
#include <stdio.h>

#include "base/point.h"

#include "metering/kit/sql_journal.h"
#include "metering/wallet/chores.h"
#include "metering/wallet/sql_settle.h"
#include "metering/wallet/sql_wallet.h"
#include "metering/wallet/turn.h"
#include "metering/wallet/wallet.h"

typedef struct one {
    dm_account_no account_no;
    int64_t now_s;
    bool more; /* a statement is through: look for the next */
} one;

typedef struct next {
    dm_statement_no number;
    dm_money due;
    int64_t burns;
    char currency[4], key[96], reference[48];
} next;

static int read_next(const dm_pg_rows *rows, dm_account_no account_no, next *out, dm_err *err)
{
    out->number.v = dm_pg_i64(rows, 0, 0);
    out->burns = dm_pg_i64(rows, 0, 2);
    (void)snprintf(out->key, sizeof(out->key), "settle:%lld:%lld:%lld", (long long)account_no.v,
            (long long)out->number.v, (long long)out->burns + 1);
    (void)snprintf(out->reference, sizeof(out->reference), "statement:%lld", (long long)out->number.v);
    int r = dm_money_parse(dm_pg_str(rows, 0, 1), &out->due, err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 3), out->currency, sizeof(out->currency), err);
}

/* Whether all of it was paid. */
static int pay(dm_pg *c, const one *o, const next *n, bool *all, dm_err *err)
{
    const dm_wallet_burn_what w = {.account_no = o->account_no,
            .currency = n->currency,
            .amount = n->due,
            .kind = "statement",
            .against = "unbilled",
            .idem_key = n->key,
            .statement = n->number,
            .reference = n->reference,
            .at_s = o->now_s};
    dm_wallet_burnt burnt;
    dm_money sum = {0};
    int r = dm_wallet_burn(c, &w, &burnt, err);
    if (r == 0)
        r = dm_money_add(burnt.promo, burnt.paid, &sum, err);
    *all = r == 0 && dm_money_cmp(sum, n->due) == 0;
    return r;
}

/* It says that too much was charged before: that goes back to where it came from, as far as it came from there. What
 * was given and went off the tax of another month's invoice stays: the correction lowers this month's by all of it. */
static int give_back(dm_pg *c, const one *o, const next *n, dm_err *err)
{
    dm_money left, most;
    int r = dm_money_negate(n->due, &left, err);
    for (int64_t k = n->burns + 1; r == 0 && left.v > 0; k++) {
        DM_AUTO(dm_pg_rows) rows = NULL;
        dm_wallet_burnt back;
        char key[96];
        r = dm_sql_settle_undo(c, o->account_no, n->number.v, &rows, err);
        if (r < 0 || dm_pg_count(rows) == 0)
            return r; /* the rest was never paid of the wallet: the month's invoice has it */
        r = dm_money_parse(dm_pg_str(rows, 0, 1), &most, err);
        (void)snprintf(key, sizeof(key), "settle:%lld:%lld:%lld", (long long)o->account_no.v, (long long)n->number.v,
                (long long)k);
        const dm_wallet_unburn_what w = {.account_no = o->account_no,
                .burn_no = dm_pg_i64(rows, 0, 0),
                .amount = dm_money_cmp(left, most) < 0 ? left : most,
                .statement = n->number,
                .idem_key = key,
                .reference = n->reference,
                .at_s = o->now_s};
        if (r == 0)
            r = dm_wallet_unburn(c, &w, &back, err);
        if (r == 0)
            left.v -= back.promo.v + back.paid.v;
    }
    return r;
}

static int settle_one(dm_pg *c, void *arg, dm_err *err)
{
    one *o = arg;
    next n;
    bool all = true;
    DM_AUTO(dm_pg_rows) rows = NULL;
    o->more = false;
    int r = dm_sql_journal_turn(c, o->account_no, err);
    if (r == 0)
        r = dm_sql_settle_next(c, o->account_no, o->now_s, &rows, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    r = read_next(rows, o->account_no, &n, err);
    if (r == 0 && n.due.v > 0)
        r = pay(c, o, &n, &all, err);
    else if (r == 0 && n.due.v < 0)
        r = give_back(c, o, &n, err);
    if (r == 0 && all)
        r = dm_sql_settle_through(c, o->account_no, n.number.v, err);
    DM_POINT(WALLET_SETTLED);
    o->more = all;
    return r;
}

static int list(dm_pg *c, const dm_wallet_turn *t, dm_pg_rows **out, dm_err *err)
{
    return dm_sql_settle_owed(c, t->after, t->now_s, DM_WALLET_PAGE, out, err);
}

static int each(dm_wallet_turn *t, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    t->after = dm_pg_i64(rows, i, 0);
    one o = {.account_no = {t->after}, .now_s = t->now_s, .more = true};
    int r = 0;
    while (r == 0 && o.more)
        r = dm_wallet_step(t->conf, settle_one, &o, err);
    return r;
}

int dm_wallet_chore_settle(const dm_chore_config *c, dm_err *err)
{
    dm_wallet_turn t = {.conf = c, .list = list, .each = each};
    return dm_wallet_each(&t, err);
}

/* --- the third budget --------------------------------------------------------------------------------------- */

static int list_hourly(dm_pg *c, const dm_wallet_turn *t, dm_pg_rows **out, dm_err *err)
{
    return dm_sql_hourly(c, t->after, DM_WALLET_PAGE, out, err);
}

static int judge(dm_pg *c, void *arg, dm_err *err)
{
    const dm_account_no *account_no = arg;
    return dm_sql_wallet_judge(c, *account_no, err);
}

static int judge_each(dm_wallet_turn *t, const dm_pg_rows *rows, size_t i, dm_err *err)
{
    t->after = dm_pg_i64(rows, i, 0);
    dm_account_no account_no = {t->after};
    return dm_wallet_step(t->conf, judge, &account_no, err);
}

int dm_wallet_chore_judge(const dm_chore_config *c, dm_err *err)
{
    dm_wallet_turn t = {.conf = c, .list = list_hourly, .each = judge_each};
    return dm_wallet_each(&t, err);
}
