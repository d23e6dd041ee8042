/* Grants, burns and their undoing. What is written of one of these, rows and bookings, is one transaction: a burn of
 * which half is there never is. The order in which grants gave is recorded in a burn's parts: priorities, expiries and
 * what is left of a grant today say nothing of it, and a correction asks them nothing. */
#include <stdlib.h>

#include "base/point.h"

#include "metering/kit/sql_journal.h"
#include "metering/wallet/own.h"
#include "metering/wallet/sql_wallet.h"

/* --- grants ------------------------------------------------------------------------------------------------- */

/* Where it comes from: money into the bank, a discount that we give, a credit for what went wrong. */
static dm_wallet_move given(const dm_wallet_grant *g)
{
    if (g->from != NULL)
        return (dm_wallet_move){g->from, strcmp(g->kind, "paid") == 0 ? "wallet_paid" : "wallet_promo", g->amount};
    if (strcmp(g->kind, "paid") == 0)
        return (dm_wallet_move){"=cash", "wallet_paid", g->amount};
    return (dm_wallet_move){strcmp(g->kind, "promo") == 0 ? "=discounts" : "=credits", "wallet_promo", g->amount};
}

int dm_wallet_give(dm_pg *c, const dm_wallet_grant *g, int64_t *grant_no, dm_err *err)
{
    if (g->amount.v <= 0 || g->expires_s <= g->at_s)
        return dm_fail(err, DM_E_INVALID, "a grant of nothing, or one that is over before it begins");
    int r = dm_sql_journal_turn(c, g->account_no, err);
    if (r == 0)
        r = dm_sql_wallet_granted(c, g->idem_key, grant_no, err);
    if (r < 0 || *grant_no != 0)
        return r;
    const dm_wallet_booking b = {g->account_no, g->currency, "grant", g->idem_key, g->at_s};
    const dm_wallet_move move = given(g);
    dm_burn_part part = {.expires_s = g->expires_s, .amount = g->amount};
    const dm_wallet_parts whole = {.parts = &part, .n = 1};
    r = dm_sql_wallet_grant_add(c, g, grant_no, err);
    if (r == 0)
        r = dm_wallet_book(c, &b, &move, 1, err);
    if (r == 0)
        r = dm_wallet_expiries(c, &b, &whole, false, err);
    return r < 0 ? r : dm_sql_wallet_judge(c, g->account_no, err);
}

/* --- a burn ------------------------------------------------------------------------------------------------- */

static int read_grant(const dm_pg_rows *rows, size_t i, dm_burn_grant *out, dm_err *err)
{
    *out = (dm_burn_grant){.no = dm_pg_i64(rows, i, 0),
            .priority = dm_pg_i64(rows, i, 1),
            .expires_s = dm_pg_is_null(rows, i, 2) ? DM_BURN_NEVER : dm_pg_i64(rows, i, 2),
            .paid = dm_pg_bool(rows, i, 3)};
    return dm_money_parse(dm_pg_str(rows, i, 4), &out->free, err);
}

int dm_wallet_plan(dm_pg *c, dm_account_no account_no, const char *currency, unsigned of, int64_t at_s, dm_money amount,
        dm_wallet_parts *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    *out = (dm_wallet_parts){.n = 0};
    int r = dm_sql_wallet_grants(
            c, account_no, currency, of != 0 ? of : DM_WALLET_OF_PROMO | DM_WALLET_OF_PAID, at_s, amount, &rows, err);
    if (r < 0)
        return r;
    size_t n = dm_pg_count(rows);
    DM_AUTO_MEM dm_burn_grant *grants = calloc(n + 1, sizeof(*grants));
    out->parts = calloc(n + 1, sizeof(*out->parts));
    if (grants == NULL || out->parts == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for grants");
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_grant(rows, i, &grants[i], err);
    return r < 0 ? r : dm_burn_plan(grants, n, at_s, amount, out->parts, &out->n, &out->sum, err);
}

int dm_wallet_before(dm_pg *c, const char *key, dm_wallet_burnt *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    *out = (dm_wallet_burnt){.burn_no = 0};
    int r = dm_sql_wallet_burnt(c, key, &rows, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    out->burn_no = dm_pg_i64(rows, 0, 0);
    r = dm_money_parse(dm_pg_str(rows, 0, 1), &out->promo, err);
    return r < 0 ? r : dm_money_parse(dm_pg_str(rows, 0, 2), &out->paid, err);
}

static int put_parts(dm_pg *c, dm_account_no account_no, int64_t burn_no, const dm_wallet_parts *p, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n; i++)
        r = dm_sql_wallet_burn_part(c, account_no, burn_no, (int64_t)i + 1, p->parts[i].no, p->parts[i].amount, err);
    return r;
}

static int book_burn(dm_pg *c, const dm_wallet_burn_what *w, const char *currency, const dm_burn_sum *s, dm_err *err)
{
    const dm_wallet_booking b = {w->account_no, currency, "burn", w->idem_key, w->at_s};
    const dm_wallet_move moves[] = {{"wallet_promo", w->against, s->promo}, {"wallet_paid", w->against, s->paid}};
    return dm_wallet_book(c, &b, moves, DM_LEN(moves), err);
}

static dm_wallet_burn_row row_of(const dm_wallet_burn_what *w, const dm_wallet_parts *p)
{
    return (dm_wallet_burn_row){.account_no = w->account_no,
            .kind = w->kind,
            .currency = w->currency,
            .against = w->against,
            .idem_key = w->idem_key,
            .reference = w->reference,
            .asked = w->amount,
            .sum = p->sum,
            .statement = w->statement,
            .at_s = w->at_s};
}

/* What it takes: where less is there than is asked, and not in whole units with what was taken before, only those. */
static int plan_burn(dm_pg *c, const dm_wallet_burn_what *w, dm_wallet_parts *p, dm_err *err)
{
    dm_money total, both = {0};
    int r = dm_wallet_plan(c, w->account_no, w->currency, w->of, w->at_s, w->amount, p, err);
    if (r == 0)
        r = dm_wallet_total(&p->sum, &total, err);
    if (r == 0)
        r = dm_money_add(total, w->before, &both, err);
    if (r < 0 || w->unit.v == 0 || both.v % w->unit.v == 0)
        return r;
    total.v -= both.v % w->unit.v;
    if (total.v < 0) /* there is not so much that it comes to another unit */
        total.v = 0;
    dm_wallet_parts_done(p);
    return dm_wallet_plan(c, w->account_no, w->currency, w->of, w->at_s, total, p, err);
}

int dm_wallet_burn(dm_pg *c, const dm_wallet_burn_what *w, dm_wallet_burnt *out, dm_err *err)
{
    DM_AUTO_WALLET_PARTS p = {.n = 0};
    if (w->amount.v < 0)
        return dm_fail(err, DM_E_INVALID, "a burn of less than nothing");
    int r = dm_sql_journal_turn(c, w->account_no, err);
    if (r == 0)
        r = dm_wallet_before(c, w->idem_key, out, err);
    if (r < 0 || out->burn_no != 0)
        return r;
    r = plan_burn(c, w, &p, err);
    if (r < 0 || p.n == 0)
        return r;
    const dm_wallet_burn_row row = row_of(w, &p);
    const dm_wallet_booking b = {w->account_no, w->currency, "burn", w->idem_key, w->at_s};
    int64_t burn_no = 0;
    r = dm_sql_wallet_burn_add(c, &row, &burn_no, err);
    if (r == 0)
        r = put_parts(c, w->account_no, burn_no, &p, err);
    if (r == 0)
        r = book_burn(c, w, w->currency, &p.sum, err);
    if (r == 0)
        r = dm_wallet_expiries(c, &b, &p, true, err);
    DM_POINT(WALLET_BURNT);
    if (r == 0)
        *out = (dm_wallet_burnt){.promo = p.sum.promo, .paid = p.sum.paid, .burn_no = burn_no};
    return r;
}

/* --- its undoing -------------------------------------------------------------------------------------------- */

typedef struct undoing {
    const dm_wallet_unburn_what *w;
    char currency[4], against[32];
    dm_wallet_parts p; /* what there was of it, then what is given back */
} undoing;

static int read_burn(dm_pg *c, undoing *u, dm_err *err)
{
    DM_AUTO(dm_pg_rows) head = NULL;
    DM_AUTO(dm_pg_rows) parts = NULL;
    int r = dm_sql_wallet_burn_of(c, u->w->account_no, u->w->burn_no, &head, err);
    if (r < 0)
        return r;
    if (dm_pg_count(head) == 0)
        return dm_fail(err, DM_E_NOTFOUND, "no burn %lld to undo", (long long)u->w->burn_no);
    r = dm_str_to_array(dm_pg_str(head, 0, 0), u->currency, sizeof(u->currency), err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(head, 0, 1), u->against, sizeof(u->against), err);
    if (r == 0)
        r = dm_sql_wallet_parts(c, u->w->account_no, u->w->burn_no, &parts, err);
    return r < 0 ? r : dm_wallet_recorded(parts, &u->p, err);
}

/* Of its parts what goes back. */
static int unwind(undoing *u, dm_err *err)
{
    DM_AUTO_MEM dm_money *given_back = calloc(u->p.n + 1, sizeof(*given_back));
    if (given_back == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for what goes back");
    int r = dm_burn_unwind(u->p.parts, u->p.n, u->w->amount, given_back, &u->p.sum, err);
    size_t n = 0;
    for (size_t i = 0; r == 0 && i < u->p.n; i++) {
        if (given_back[i].v == 0)
            continue;
        u->p.parts[n] = u->p.parts[i];
        u->p.parts[n].amount = given_back[i];
        u->p.numbers[n++] = u->p.numbers[i];
    }
    u->p.n = n;
    return r;
}

static int write_undoing(dm_pg *c, const undoing *u, int64_t *burn_no, dm_err *err)
{
    const dm_wallet_unburn_what *w = u->w;
    const dm_wallet_parts *p = &u->p;
    const dm_wallet_burn_row row = {.account_no = w->account_no,
            .kind = "correction",
            .currency = u->currency,
            .against = u->against,
            .idem_key = w->idem_key,
            .reference = w->reference,
            .asked = w->amount,
            .sum = {{-p->sum.promo.v}, {-p->sum.paid.v}},
            .statement = w->statement,
            .undoes = w->burn_no,
            .at_s = w->at_s};
    const dm_wallet_booking b = {w->account_no, u->currency, "unburn", w->idem_key, w->at_s};
    const dm_wallet_move moves[] = {
            {u->against, "wallet_promo", p->sum.promo}, {u->against, "wallet_paid", p->sum.paid}};
    int r = dm_sql_wallet_burn_add(c, &row, burn_no, err);
    for (size_t i = 0; r == 0 && i < p->n; i++)
        r = dm_sql_wallet_burn_part(
                c, w->account_no, *burn_no, p->numbers[i], p->parts[i].no, (dm_money){-p->parts[i].amount.v}, err);
    if (r == 0)
        r = dm_wallet_book(c, &b, moves, DM_LEN(moves), err);
    return r < 0 ? r : dm_wallet_expiries(c, &b, p, false, err);
}

int dm_wallet_unburn(dm_pg *c, const dm_wallet_unburn_what *w, dm_wallet_burnt *out, dm_err *err)
{
    undoing u = {.w = w};
    if (w->amount.v < 0)
        return dm_fail(err, DM_E_INVALID, "less than nothing is given back");
    int r = dm_sql_journal_turn(c, w->account_no, err);
    if (r == 0)
        r = dm_wallet_before(c, w->idem_key, out, err);
    if (r < 0)
        return r;
    if (out->burn_no != 0) { /* as it is told: what went back */
        out->promo.v = -out->promo.v;
        out->paid.v = -out->paid.v;
        return 0;
    }
    r = read_burn(c, &u, err);
    if (r == 0)
        r = unwind(&u, err);
    if (r == 0 && u.p.n > 0)
        r = write_undoing(c, &u, &out->burn_no, err);
    if (r == 0)
        r = dm_sql_wallet_judge(c, w->account_no, err);
    if (r == 0)
        *out = (dm_wallet_burnt){.promo = u.p.sum.promo, .paid = u.p.sum.paid, .burn_no = out->burn_no};
    dm_wallet_parts_done(&u.p);
    return r;
}
