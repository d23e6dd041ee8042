/* Holds, in two phases, and what expires. What is held is not the expiry's: what it will take at a grant's end is less
 * by that from the moment it is held, and more again when it is let go; where the end is past by then it goes at once.
 */
#include <stdio.h>

#include "metering/kit/sql_journal.h"
#include "metering/wallet/own.h"
#include "metering/wallet/sql_wallet.h"

static int held_before(dm_pg *c, const char *key, int64_t *hold_no, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    *hold_no = 0;
    int r = dm_sql_wallet_held(c, key, &rows, err);
    if (r == 0 && dm_pg_count(rows) > 0)
        *hold_no = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_wallet_hold(dm_pg *c, const dm_wallet_hold_what *w, int64_t *hold_no, dm_err *err)
{
    DM_AUTO_WALLET_PARTS p = {.n = 0};
    dm_money total;
    if (w->amount.v <= 0)
        return dm_fail(err, DM_E_INVALID, "a hold of nothing");
    int r = dm_sql_journal_turn(c, w->account_no, err);
    if (r == 0)
        r = held_before(c, w->idem_key, hold_no, err);
    if (r < 0 || *hold_no != 0)
        return r;
    r = dm_wallet_plan(c, w->account_no, w->currency, 0, w->at_s, w->amount, &p, err);
    if (r == 0)
        r = dm_wallet_total(&p.sum, &total, err);
    if (r == 0 && dm_money_cmp(total, w->amount) < 0)
        return DM_WALLET_SHORT;
    const dm_wallet_booking b = {w->account_no, w->currency, "hold", w->idem_key, w->at_s};
    if (r == 0)
        r = dm_sql_wallet_hold_add(c, w, hold_no, err);
    for (size_t i = 0; r == 0 && i < p.n; i++)
        r = dm_sql_wallet_hold_part(c, w->account_no, *hold_no, (int64_t)i + 1, p.parts[i].no, p.parts[i].amount, err);
    return r < 0 ? r : dm_wallet_expiries(c, &b, &p, true, err);
}

/* --- its end ------------------------------------------------------------------------------------------------ */

typedef struct kept {
    char state[16], currency[4], key[400];
    dm_wallet_parts p;
} kept;

static int read_hold(dm_pg *c, dm_account_no account_no, int64_t hold_no, kept *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    DM_AUTO(dm_pg_rows) parts = NULL;
    int r = dm_sql_wallet_hold_of(c, account_no, hold_no, &rows, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return dm_fail(err, DM_E_NOTFOUND, "no hold %lld", (long long)hold_no);
    r = dm_str_to_array(dm_pg_str(rows, 0, 0), out->state, sizeof(out->state), err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 1), out->currency, sizeof(out->currency), err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 2), out->key, sizeof(out->key), err);
    if (r == 0)
        r = dm_sql_wallet_hold_parts(c, account_no, hold_no, &parts, err);
    return r < 0 ? r : dm_wallet_recorded(parts, &out->p, err);
}

static int let_go(dm_pg *c, dm_account_no account_no, int64_t hold_no, const kept *k, int64_t at_s, dm_err *err)
{
    const dm_wallet_booking b = {account_no, k->currency, "void", k->key, at_s};
    int r = dm_sql_wallet_hold_end(c, account_no, hold_no, 0, at_s, err);
    return r < 0 ? r : dm_wallet_expiries(c, &b, &k->p, false, err);
}

int dm_wallet_void(dm_pg *c, dm_account_no account_no, int64_t hold_no, int64_t at_s, dm_err *err)
{
    kept k = {.p = {.n = 0}};
    int r = dm_sql_journal_turn(c, account_no, err);
    if (r == 0)
        r = read_hold(c, account_no, hold_no, &k, err);
    if (r == 0 && strcmp(k.state, "pending") == 0)
        r = let_go(c, account_no, hold_no, &k, at_s, err);
    else if (r == 0 && strcmp(k.state, "posted") == 0)
        r = DM_WALLET_OVER;
    dm_wallet_parts_done(&k.p);
    return r;
}

/* Of what is kept, in its order, the first `amount` is taken (*take), the rest goes free (*k). */
static int divide(kept *k, dm_money amount, dm_wallet_parts *take, dm_err *err)
{
    take->parts = calloc(k->p.n + 1, sizeof(*take->parts));
    if (take->parts == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for what is posted");
    int r = 0;
    size_t rest = 0;
    for (size_t i = 0; r == 0 && i < k->p.n; i++) {
        dm_burn_part all = k->p.parts[i], one = all;
        one.amount = dm_money_cmp(all.amount, amount) < 0 ? all.amount : amount;
        amount.v -= one.amount.v;
        all.amount.v -= one.amount.v;
        dm_money *to = one.paid ? &take->sum.paid : &take->sum.promo;
        r = dm_money_add(*to, one.amount, to, err);
        if (one.amount.v != 0)
            take->parts[take->n++] = one;
        if (all.amount.v != 0)
            k->p.parts[rest++] = all;
    }
    k->p.n = rest;
    return r;
}

/* What was kept is free first, and taken then: what is held of a grant is never more than is left of it. */
static int post(dm_pg *c, int64_t hold_no, const dm_wallet_burn_what *w, kept *k, dm_wallet_burnt *out, dm_err *err)
{
    DM_AUTO_WALLET_PARTS take = {.n = 0};
    int64_t burn_no = 0;
    int r = divide(k, w->amount, &take, err);
    if (r == 0 && take.n == 0)
        return let_go(c, w->account_no, hold_no, k, w->at_s, err);
    const dm_wallet_burn_row row = {.account_no = w->account_no,
            .kind = "hold",
            .currency = k->currency,
            .against = w->against,
            .idem_key = w->idem_key,
            .reference = w->reference,
            .asked = w->amount,
            .sum = take.sum,
            .statement = w->statement,
            .at_s = w->at_s};
    const dm_wallet_booking b = {w->account_no, k->currency, "burn", w->idem_key, w->at_s};
    const dm_wallet_move moves[] = {
            {"wallet_promo", w->against, take.sum.promo}, {"wallet_paid", w->against, take.sum.paid}};
    if (r == 0)
        r = dm_sql_wallet_burn_add(c, &row, &burn_no, err);
    if (r == 0)
        r = dm_sql_wallet_hold_end(c, w->account_no, hold_no, burn_no, w->at_s, err);
    for (size_t i = 0; r == 0 && i < take.n; i++)
        r = dm_sql_wallet_burn_part(
                c, w->account_no, burn_no, (int64_t)i + 1, take.parts[i].no, take.parts[i].amount, err);
    if (r == 0)
        r = dm_wallet_book(c, &b, moves, DM_LEN(moves), err);
    if (r == 0)
        r = dm_wallet_expiries(c, &b, &k->p, false, err);
    if (r == 0)
        *out = (dm_wallet_burnt){.promo = take.sum.promo, .paid = take.sum.paid, .burn_no = burn_no};
    return r;
}

int dm_wallet_post(dm_pg *c, int64_t hold_no, const dm_wallet_burn_what *w, dm_wallet_burnt *out, dm_err *err)
{
    kept k = {.p = {.n = 0}};
    *out = (dm_wallet_burnt){.burn_no = 0};
    if (w->amount.v < 0)
        return dm_fail(err, DM_E_INVALID, "less than nothing is posted");
    int r = dm_sql_journal_turn(c, w->account_no, err);
    if (r == 0)
        r = read_hold(c, w->account_no, hold_no, &k, err);
    if (r == 0 && strcmp(k.state, "pending") == 0)
        r = post(c, hold_no, w, &k, out, err);
    else if (r == 0)
        r = dm_wallet_before(c, w->idem_key, out, err);
    if (r == 0 && out->burn_no == 0 && strcmp(k.state, "pending") != 0)
        r = DM_WALLET_OVER;
    dm_wallet_parts_done(&k.p);
    return r;
}

/* --- expiry ------------------------------------------------------------------------------------------------- */

int dm_wallet_expire(dm_pg *c, dm_account_no account_no, int64_t grant_no, int64_t at_s, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    char key[96], currency[4];
    dm_money amount;
    int64_t burn_no = 0;
    int r = dm_sql_journal_turn(c, account_no, err);
    if (r == 0)
        r = dm_sql_wallet_over(c, account_no, grant_no, at_s, &rows, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    (void)snprintf(key, sizeof(key), "expiry:%lld:%lld", (long long)grant_no, (long long)dm_pg_i64(rows, 0, 2) + 1);
    r = dm_str_to_array(dm_pg_str(rows, 0, 0), currency, sizeof(currency), err);
    if (r == 0)
        r = dm_money_parse(dm_pg_str(rows, 0, 1), &amount, err);
    const dm_wallet_burn_row row = {.account_no = account_no,
            .kind = "expiry",
            .currency = currency,
            .against = "breakage",
            .idem_key = key,
            .asked = amount,
            .sum = {amount, {0}},
            .at_s = at_s};
    if (r == 0)
        r = dm_sql_wallet_burn_add(c, &row, &burn_no, err);
    return r < 0 ? r : dm_sql_wallet_burn_part(c, account_no, burn_no, 1, grant_no, amount, err);
}
