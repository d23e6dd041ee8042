/* From statements to an invoice. All of it is one transaction: if it ends anywhere before its commit, there is no
 * invoice, its number is the next one's, nothing is booked and nobody has been told. It may run twice.
 *
 * Nothing is rounded before dm_invoice_reckon. What the wallet gives before tax (credit) lowers what is taxed; what was
 * prepaid lowers what is to be paid. Both are taken with the exact sums, so a draft shows neither.
 *
 * Of who pays by the hour the wallet has settled the statements one by one, exactly and without tax: what it gave for
 * them is counted, whoever pays how by now, so that a change of that charges nothing twice. Then it gives what is
 * missing, the tax first of all; what it has given beyond what is to be paid, since that is rounded, it gets back. */
#include "metering/invoice/make.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/point.h"

#include "metering/invoice/commit.h"
#include "metering/invoice/doc.h"
#include "metering/invoice/issue.h"
#include "metering/invoice/settle.h"
#include "metering/invoice/sql_make.h"
#include "metering/invoice/state.h"
#include "metering/kit/sql_journal.h"
#include "metering/wallet/wallet.h"

/* --- what is owed ------------------------------------------------------------------------------------------- */

static int gather(dm_pg *c, const dm_make *m, dm_doc *d, dm_err *err)
{
    DM_AUTO(dm_pg_rows) statements = NULL;
    DM_AUTO(dm_pg_rows) head = NULL;
    DM_AUTO(dm_pg_rows) lines = NULL;
    DM_AUTO(dm_pg_rows) burnt = NULL;
    int r = dm_sql_make_statements(c, m, &statements, err);
    if (r == 0)
        r = dm_doc_statements(d, &statements, err);
    if (r == 0)
        r = dm_commit_gather(c, m, d, err);
    if (r < 0 || (d->v.statements == 0 && d->v.ncommitments == 0))
        return r < 0 ? r : DM_MAKE_NOTHING;
    if (r == 0)
        r = dm_sql_make_head(c, m, d->v.last_statement, &head, err);
    if (r == 0)
        r = dm_doc_head(d, &head, err);
    if (r == 0)
        r = dm_sql_make_lines(c, m, d->v.last_statement, &lines, err);
    if (r == 0)
        r = dm_doc_lines(d, &lines, err);
    if (r == 0)
        r = dm_invoice_commit(&d->v, err);
    if (r == 0)
        r = dm_sql_make_burnt(c, m, d->v.last_statement, &burnt, err);
    if (r == 0)
        r = dm_money_parse(dm_pg_str(burnt, 0, 0), &d->promo, err);
    if (r == 0)
        r = dm_money_parse(dm_pg_str(burnt, 0, 1), &d->paid, err);
    if (d->v.statements == 0) { /* it is of what a month costs without any */
        d->v.period_start = d->commitments[0].month_s;
        d->v.period_end = d->commitments[d->v.ncommitments - 1].next_s;
    }
    d->v.issued_s = m->now_s;
    d->v.due_s = (m->now_s / DM_DAY_S + d->v.terms_days) * DM_DAY_S;
    return r;
}

/* --- tax ---------------------------------------------------------------------------------------------------- */

static const char *text(const dm_pg_rows *rows, size_t i, unsigned col, char *room, size_t n)
{
    if (dm_pg_is_null(rows, i, col))
        return NULL;
    return dm_str_to_array(dm_pg_str(rows, i, col), room, n, NULL) == 0 ? room : "?"; /* too long matches nothing */
}

typedef struct rule_words {
    char seller[4], buyer[4], category[4], jurisdiction[24];
} rule_words;

static int read_rules(const dm_pg_rows *rows, dm_tax_rule *rules, rule_words *words, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++) {
        rule_words *w = &words[i];
        rules[i] = (dm_tax_rule){.no = dm_pg_i64(rows, i, 0),
                .seller = text(rows, i, 1, w->seller, sizeof w->seller),
                .buyer = text(rows, i, 2, w->buyer, sizeof w->buyer),
                .business = dm_pg_is_null(rows, i, 3) ? -1 : dm_pg_bool(rows, i, 3),
                .category = text(rows, i, 4, w->category, sizeof w->category),
                .rate_ppm = (uint32_t)dm_pg_i64(rows, i, 5),
                .reverse_charge = dm_pg_bool(rows, i, 6),
                .jurisdiction = text(rows, i, 7, w->jurisdiction, sizeof w->jurisdiction),
                .reason_code = dm_pg_is_null(rows, i, 8) ? NULL : "",
                .reason = dm_pg_is_null(rows, i, 9) ? NULL : "",
                .from_s = dm_pg_i64(rows, i, 10),
                .to_s = dm_pg_is_null(rows, i, 11) ? INT64_MAX : dm_pg_i64(rows, i, 11)};
        r = dm_tax_check(&rules[i], err);
    }
    return r;
}

/* The rule among the rows, as the document's one tax; it borrows from them, and keeps them. */
static void apply(dm_doc *d, dm_pg_rows **rows, size_t i)
{
    d->tax_rows = dm_steal(rows);
    const dm_pg_rows *t = d->tax_rows;
    d->taxes[0] = (dm_invoice_tax){.category = dm_pg_str(t, i, 4),
            .rate_ppm = (uint32_t)dm_pg_i64(t, i, 5),
            .reverse_charge = dm_pg_bool(t, i, 6),
            .jurisdiction = dm_pg_str(t, i, 7),
            .reason_code = dm_pg_is_null(t, i, 8) ? (dm_str){NULL, 0} : dm_pg_str(t, i, 8),
            .reason = dm_pg_is_null(t, i, 9) ? (dm_str){NULL, 0} : dm_pg_str(t, i, 9)};
    d->v.taxes = d->taxes;
    d->v.ntaxes = 1;
}

/* Who has a tax id that was checked is a business, wherever he is. */
static int find_tax(dm_pg *c, dm_doc *d, dm_err *err)
{
    char seller[4], buyer[4], area[4];
    DM_AUTO(dm_pg_rows) rows = NULL;
    const dm_tax_rule *rule = NULL;
    int r = dm_str_to_array(d->v.seller.country, seller, sizeof seller, err);
    if (r == 0)
        r = dm_str_to_array(d->v.buyer.country, buyer, sizeof buyer, err);
    if (r == 0)
        r = dm_sql_make_area(c, d->v.buyer.country, area, err);
    if (r == 0)
        r = dm_sql_make_taxes(c, d->v.issued_s, &rows, err);
    size_t n = r == 0 ? dm_pg_count(rows) : 0;
    if (n > DM_TAX_RULES_MAX)
        return dm_fail(err, DM_E_LIMIT, "more than %d rules of tax", DM_TAX_RULES_MAX);
    DM_AUTO_MEM dm_tax_rule *rules = calloc(n + 1, sizeof *rules);
    DM_AUTO_MEM rule_words *words = calloc(n + 1, sizeof *words);
    if (r == 0 && (rules == NULL || words == NULL))
        return dm_fail(err, DM_E_NOMEM, "no memory for rules of tax");
    if (r == 0)
        r = read_rules(rows, rules, words, err);
    const dm_tax_case of = {.seller = seller,
            .buyer = buyer,
            .area = area,
            .business = d->v.buyer.tax_id.n > 0 && d->v.tax_id_check.n > 0,
            .at_s = d->v.issued_s};
    if (r == 0 && dm_tax_find(rules, n, &of, &rule) == DM_TAX_NONE)
        return DM_MAKE_NO_TAX;
    if (r == 0)
        apply(d, &rows, (size_t)(rule - rules));
    return r;
}

/* --- what it comes to --------------------------------------------------------------------------------------- */

static bool any(const dm_doc *d)
{
    bool some = false;
    for (size_t i = 0; i < d->v.nlines; i++)
        some = some || d->v.lines[i].amount.v != 0;
    return some;
}

static int reckon(dm_pg *c, dm_make *m, dm_doc *d, dm_err *err)
{
    int r = gather(c, m, d, err);
    if (r == DM_MAKE_NOTHING || (r == 0 && !any(d))) {
        (void)snprintf(m->why, sizeof m->why, "%lld statements, and nothing to pay", (long long)d->v.statements);
        return DM_MAKE_NOTHING;
    }
    if (r == 0)
        r = find_tax(c, d, err);
    if (r == DM_MAKE_NO_TAX)
        (void)snprintf(m->why, sizeof m->why, "no rule of tax from %.*s to %.*s", (int)d->v.seller.country.n,
                d->v.seller.country.p, (int)d->v.buyer.country.n, d->v.buyer.country.p);
    if (r == 0)
        r = dm_invoice_reckon(&d->v, err);
    if (r == 0 &&
            (d->v.lines_sum.v <= 0 || d->promo.v < 0 || d->paid.v < 0 || dm_money_cmp(d->promo, d->v.exact) > 0)) {
        char exact[DM_MONEY_TEXT];
        dm_money_print(d->v.exact, exact);
        (void)snprintf(m->why, sizeof m->why, "%s %s is carried into the next", d->v.currency, exact);
        return DM_MAKE_CARRIED;
    }
    d->v.discount = d->promo;
    return r != 0 ? r : dm_invoice_reckon(&d->v, err);
}

/* --- what the wallet pays ----------------------------------------------------------------------------------- */

static int minus(dm_money a, dm_money b, dm_money *out, dm_err *err)
{
    dm_money negative;
    int r = dm_money_negate(b, &negative, err);
    return r < 0 ? r : dm_money_add(a, negative, out, err);
}

/* Of what was paid the whole units that are to be paid; *rest: what is more. */
static int prepay(dm_invoice *v, dm_money paid, dm_money *rest, dm_err *err)
{
    v->prepaid = (dm_money){paid.v - paid.v % dm_minor_unit(v->decimals).v};
    if (dm_money_cmp(v->prepaid, v->total) > 0)
        v->prepaid = v->total;
    int r = minus(paid, v->prepaid, rest, err);
    return r < 0 ? r : dm_invoice_reckon(v, err);
}

static int take(dm_pg *c, dm_doc *d, dm_settle_part part, dm_money amount, dm_money *taken, dm_err *err)
{
    char key[80];
    (void)snprintf(key, sizeof key, "settle:%lld:%s:%s", (long long)d->entity_no, d->number,
            part == DM_SETTLE_PROMO ? "promo" : "paid");
    const dm_settle s = {.account_no = d->account_no,
            .currency = d->v.currency,
            .part = part,
            .amount = amount,
            .before = part == DM_SETTLE_PAID ? d->paid : (dm_money){0},
            .idem_key = key,
            .at_s = d->v.issued_s};
    return dm_invoice_settle(c, &s, taken, err);
}

static int take_promo(dm_pg *c, dm_doc *d, dm_err *err)
{
    dm_money open, taken = {0};
    int r = minus(d->v.exact, d->promo, &open, err);
    if (r == 0)
        r = minus(open, d->paid, &open, err);
    if (r == 0)
        r = take(c, d, DM_SETTLE_PROMO, open, &taken, err);
    if (r == 0)
        r = dm_money_add(d->promo, taken, &d->v.discount, err);
    return r < 0 ? r : dm_invoice_reckon(&d->v, err);
}

static int take_paid(dm_pg *c, dm_doc *d, dm_money *rest, dm_err *err)
{
    dm_money open, taken = {0}, paid = {0};
    int r = minus(d->v.total, d->paid, &open, err);
    if (r == 0)
        r = take(c, d, DM_SETTLE_PAID, open, &taken, err);
    if (r == 0)
        r = dm_money_add(d->paid, taken, &paid, err);
    return r < 0 ? r : prepay(&d->v, paid, rest, err);
}

/* --- booking ------------------------------------------------------------------------------------------------ */

/* What was owed and not invoiced becomes what is to be paid; tax is owed on, and rounding is ours. */
static int book(dm_pg *c, const dm_doc *d, const dm_digest *sha256, dm_err *err)
{
    const dm_invoice *v = &d->v;
    dm_booking_entry e[3 + DM_INVOICE_TAXES_MAX];
    char key[80], names[DM_INVOICE_TAXES_MAX][32];
    size_t n = 0;
    dm_money minus, unbilled;
    e[n++] = (dm_booking_entry){true, "receivable", v->total};
    int r = dm_money_negate(v->exact, &unbilled, err);
    if (r == 0)
        r = dm_money_add(unbilled, v->discount, &unbilled, err);
    e[n++] = (dm_booking_entry){true, "unbilled", unbilled};
    for (size_t i = 0; r == 0 && i < v->ntaxes; i++) {
        const dm_str *j = &v->taxes[i].jurisdiction;
        (void)snprintf(names[i], sizeof names[i], "tax:%.*s", (int)j->n, j->p);
        r = dm_money_negate(v->taxes[i].amount, &minus, err);
        e[n++] = (dm_booking_entry){false, names[i], minus};
    }
    e[n++] = (dm_booking_entry){false, "rounding", v->rounding};
    (void)snprintf(key, sizeof key, "issue:%lld:%s", (long long)d->entity_no, d->number);
    const dm_journal_head head = {.account_no = d->account_no,
            .currency = v->currency,
            .idem_key = key,
            .kind = "issue",
            .effective_s = v->issued_s,
            .about = sha256};
    return r < 0 ? r : dm_state_book(c, &head, e, n, err);
}

/* What was paid by the hour was paid of it. */
static int book_hourly(dm_pg *c, const dm_doc *d, const dm_digest *sha256, dm_err *err)
{
    char key[80];
    dm_money minus_paid;
    if (d->paid.v == 0)
        return 0;
    int r = dm_money_negate(d->paid, &minus_paid, err);
    const dm_booking_entry e[] = {{true, "unbilled", d->paid}, {true, "receivable", minus_paid}};
    (void)snprintf(key, sizeof key, "hourly:%lld:%s", (long long)d->entity_no, d->number);
    const dm_journal_head head = {.account_no = d->account_no,
            .currency = d->v.currency,
            .idem_key = key,
            .kind = "hourly",
            .effective_s = d->v.issued_s,
            .about = sha256};
    return r < 0 ? r : dm_state_book(c, &head, e, DM_LEN(e), err);
}

static int give_rest(dm_pg *c, const dm_doc *d, dm_money rest, const char *who, dm_err *err)
{
    char key[80];
    int64_t grant_no;
    if (rest.v == 0)
        return 0;
    (void)snprintf(key, sizeof key, "settle:%lld:%s:rest", (long long)d->entity_no, d->number);
    const dm_wallet_grant g = {.account_no = d->account_no,
            .kind = "paid",
            .currency = d->v.currency,
            .amount = rest,
            .expires_s = DM_BURN_NEVER,
            .idem_key = key,
            .reference = d->number,
            .who = who,
            .why = "paid by the hour, and more than is to be paid",
            .from = "receivable",
            .at_s = d->v.issued_s};
    return dm_wallet_give(c, &g, &grant_no, err);
}

static int issue(dm_pg *c, const dm_sign_key *key, dm_make *m, dm_doc *d, dm_err *err)
{
    dm_digest sha256;
    dm_money rest = {0};
    int r = dm_issue_number(c, d, err);
    DM_POINT(INVOICE_NUMBERED);
    if (r == 0)
        r = take_promo(c, d, err);
    if (r == 0)
        r = take_paid(c, d, &rest, err);
    DM_POINT(INVOICE_SETTLED);
    if (r == 0)
        r = dm_issue_write(c, key, d, &sha256, err);
    DM_POINT(INVOICE_WRITTEN);
    if (r == 0)
        r = dm_commit_book(c, d, false, d->v.issued_s, &sha256, err);
    if (r == 0)
        r = book(c, d, &sha256, err);
    if (r == 0)
        r = book_hourly(c, d, &sha256, err);
    if (r == 0)
        r = give_rest(c, d, rest, m->who, err);
    DM_POINT(INVOICE_BOOKED);
    const dm_invoice_facts first = {.account_no = d->account_no,
            .invoice_no = d->invoice_no,
            .total = d->v.total,
            .open = d->v.due,
            .due_s = d->v.due_s};
    if (r == 0)
        r = dm_state_first(c, &first, m->now_s, m->who, err);
    if (r == 0)
        r = dm_issue_tell(c, d, &sha256, err);
    return r;
}

int dm_make_invoice(dm_pg *c, const dm_sign_key *key, dm_make *m, dm_err *err)
{
    DM_AUTO_MEM dm_doc *d = calloc(1, sizeof *d);
    if (d == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an invoice");
    int r = dm_sql_journal_turn(c, m->account_no, err); /* or the wallet might settle one of them meanwhile */
    if (r == 0)
        r = reckon(c, m, d, err);
    if (r == 0)
        r = issue(c, key, m, d, err);
    m->invoice_no = d->invoice_no;
    (void)snprintf(m->number, sizeof m->number, "%s", d->number);
    dm_doc_done(d);
    return r;
}

int dm_make_draft(dm_pg *c, dm_make *m, dm_buf *body, dm_err *err)
{
    DM_AUTO_MEM dm_doc *d = calloc(1, sizeof *d);
    if (d == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an invoice");
    dm_money rest;
    int r = reckon(c, m, d, err);
    if (r == 0)
        r = prepay(&d->v, d->paid, &rest, err);
    d->v.number = DM_STR("DRAFT");
    if (r == 0)
        r = dm_invoice_body(&d->v, body, err);
    dm_doc_done(d);
    return r;
}
