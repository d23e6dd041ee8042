#include "metering/invoice/after.h"

#include <stdio.h>
#include <stdlib.h>

#include "metering/invoice/commit.h"
#include "metering/invoice/doc.h"
#include "metering/invoice/issue.h"
#include "metering/invoice/sql_after.h"
#include "metering/invoice/sql_state.h"
#include "metering/wallet/wallet.h"

static int no(dm_after *a, const char *why)
{
    (void)snprintf(a->why, sizeof a->why, "%.*s", (int)sizeof a->why - 1, why);
    return DM_AFTER_NO;
}

static dm_money smaller(dm_money a, dm_money b)
{
    return dm_money_cmp(a, b) < 0 ? a : b;
}

static int minus(dm_money a, dm_money b, dm_money *out, dm_err *err)
{
    dm_money negative;
    int r = dm_money_negate(b, &negative, err);
    return r < 0 ? r : dm_money_add(a, negative, out, err);
}

static dm_journal_head head(const dm_after *a, const char *key, const char *kind, const dm_digest *about)
{
    return (dm_journal_head){.account_no = a->f.account_no,
            .currency = a->f.currency,
            .idem_key = key,
            .kind = kind,
            .effective_s = a->now_s,
            .about = about};
}

/* Where what is open of it stands: with the customer, or with what was given up. */
static dm_booking_entry lowered(const dm_after *a, dm_money by)
{
    return (dm_booking_entry){!a->f.uncollectible, a->f.uncollectible ? "bad_debt" : "receivable", by};
}

/* What is more than is open stands on the customer's account for a moment, and becomes money paid in advance. */
static int to_wallet(dm_pg *c, const dm_after *a, dm_money rest, const char *key, const char *why, dm_err *err)
{
    int64_t grant_no;
    if (rest.v == 0)
        return 0;
    const dm_wallet_grant g = {.account_no = a->f.account_no,
            .kind = "paid",
            .currency = a->f.currency,
            .amount = rest,
            .expires_s = DM_BURN_NEVER,
            .idem_key = key,
            .reference = key,
            .who = a->who,
            .why = why,
            .from = "receivable",
            .at_s = a->now_s};
    return dm_wallet_give(c, &g, &grant_no, err);
}

/* --- void --------------------------------------------------------------------------------------------------- */

/* The booking of its issue, backwards. */
static int turn_back(dm_pg *c, const dm_after *a, const dm_doc *d, dm_err *err)
{
    dm_booking_entry e[3 + DM_INVOICE_TAXES_MAX];
    char key[80], names[DM_INVOICE_TAXES_MAX][32];
    size_t n = 0;
    dm_money back;
    int r = dm_money_negate(d->v.total, &back, err);
    e[n++] = (dm_booking_entry){true, "receivable", back};
    e[n++] = (dm_booking_entry){true, "unbilled", d->v.exact};
    for (size_t i = 0; i < d->v.ntaxes; i++) {
        const dm_str *j = &d->v.taxes[i].jurisdiction;
        (void)snprintf(names[i], sizeof names[i], "tax:%.*s", (int)j->n, j->p);
        e[n++] = (dm_booking_entry){false, names[i], d->v.taxes[i].amount};
    }
    if (r == 0)
        r = dm_money_negate(d->v.rounding, &back, err);
    e[n++] = (dm_booking_entry){false, "rounding", back};
    (void)snprintf(key, sizeof key, "void:%lld:%s", (long long)d->entity_no, d->number);
    const dm_journal_head h = head(a, key, "void", NULL);
    if (r == 0)
        r = dm_state_book(c, &h, e, n, err);
    return r < 0 ? r : dm_commit_book(c, d, true, a->now_s, NULL, err);
}

int dm_after_void(dm_pg *c, dm_after *a, dm_err *err)
{
    bool burnt = false;
    if (a->f.voided || a->f.uncollectible)
        return no(a, a->f.voided ? "it is voided already" : "it was given up");
    int r = dm_sql_invoice_burnt(c, &a->f, &burnt, err);
    if (r < 0)
        return r;
    if (burnt || a->f.paid.v != 0 || a->f.credited.v != 0 || a->f.prepaid.v != 0 || a->f.discount.v != 0)
        return no(a, "something of it is paid, credited or settled: write a credit note");
    DM_AUTO_MEM dm_doc *d = calloc(1, sizeof *d);
    if (d == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an invoice");
    r = dm_doc_load(c, a->f.invoice_no, d, err);
    if (r == 0)
        r = turn_back(c, a, d, err);
    dm_doc_done(d);
    a->f.voided = true;
    a->f.open = (dm_money){0};
    if (r == 0)
        r = dm_sql_invoice_let_go(c, &a->f, err);
    return r != 0 ? r : dm_state_put(c, &a->f, a->now_s, a->reason, a->who, err);
}

/* --- credit notes ------------------------------------------------------------------------------------------- */

typedef struct crediting {
    dm_doc of, note;
    dm_money left[DM_INVOICE_LINES_MAX]; /* of each line of the invoice */
    dm_money credited[DM_INVOICE_TAXES_MAX], taxed[DM_INVOICE_TAXES_MAX];
} crediting;

static int load_credited(dm_pg *c, crediting *k, dm_err *err)
{
    DM_AUTO(dm_pg_rows) lines = NULL;
    DM_AUTO(dm_pg_rows) taxes = NULL;
    int r = dm_sql_credited_lines(c, k->of.invoice_no, &lines, err);
    if (r == 0)
        r = dm_sql_credited_taxes(c, k->of.invoice_no, &taxes, err);
    for (size_t i = 0; i < k->of.v.nlines; i++)
        k->left[i] = k->of.v.lines[i].net;
    for (size_t i = 0; r == 0 && i < dm_pg_count(lines); i++) {
        dm_money gone;
        size_t at = (size_t)dm_pg_i64(lines, i, 0) - 1;
        r = dm_money_parse(dm_pg_str(lines, i, 1), &gone, err);
        if (r == 0)
            r = minus(k->left[at], gone, &k->left[at], err);
    }
    for (size_t i = 0; r == 0 && i < dm_pg_count(taxes); i++) {
        size_t at = (size_t)dm_pg_i64(taxes, i, 0) - 1;
        r = dm_money_parse(dm_pg_str(taxes, i, 1), &k->credited[at], err);
        if (r == 0)
            r = dm_money_parse(dm_pg_str(taxes, i, 2), &k->taxed[at], err);
    }
    return r;
}

static void credit_line(crediting *k, size_t at, dm_money net)
{
    const dm_invoice_line *of = &k->of.v.lines[at];
    k->note.lines[k->note.v.nlines++] = (dm_invoice_line){.kind = DM_STR_INIT("credit"),
            .sku = of->sku,
            .project = of->project,
            .project_name = of->project_name,
            .project_no = of->project_no,
            .tier = of->tier,
            .of_line = (uint32_t)at + 1,
            .tax = of->tax,
            .net = net};
}

/* All that is left: line after line, until no base is left of their tax. */
static int credit_all(crediting *k, dm_err *err)
{
    dm_money left[DM_INVOICE_TAXES_MAX];
    int r = 0;
    for (size_t t = 0; r == 0 && t < k->of.v.ntaxes; t++)
        r = minus(k->of.v.taxes[t].base, k->credited[t], &left[t], err);
    for (size_t i = 0; r == 0 && i < k->of.v.nlines; i++) {
        dm_money *base = &left[k->of.v.lines[i].tax], take = smaller(k->left[i], *base);
        if (take.v <= 0)
            continue;
        credit_line(k, i, take);
        r = minus(*base, take, base, err);
    }
    return r;
}

static int credit_some(dm_after *a, crediting *k, const dm_credit_line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lines[i].line == 0 || lines[i].line > k->of.v.nlines)
            return no(a, "the invoice has no such line");
        if (lines[i].net.v <= 0 || !dm_minor_whole(lines[i].net, k->of.v.decimals))
            return no(a, "a line is credited by whole minor units, more than none");
        for (size_t before = 0; before < i; before++) {
            if (lines[before].line == lines[i].line)
                return no(a, "a line is named twice");
        }
        if (dm_money_cmp(lines[i].net, k->left[lines[i].line - 1]) > 0)
            return no(a, "more than is left of a line");
        credit_line(k, lines[i].line - 1, lines[i].net);
    }
    return 0;
}

/* A document like the invoice, of its lines. It borrows from it. */
static int begin_note(dm_after *a, crediting *k, dm_err *err)
{
    dm_doc *note = &k->note, *of = &k->of;
    note->v = of->v;
    note->account_no = of->account_no;
    note->entity_no = of->entity_no;
    note->refers_no = of->invoice_no;
    note->email = of->email;
    note->url = of->url;
    note->lines = calloc(of->v.nlines + 1, sizeof *note->lines);
    if (note->lines == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a credit note");
    memcpy(note->taxes, of->taxes, sizeof note->taxes);
    note->v.lines = note->lines;
    note->v.nlines = 0;
    note->v.commitments = NULL;
    note->v.ncommitments = 0;
    note->v.taxes = note->taxes;
    note->v.credit_note = true;
    note->v.refers_to = of->v.number;
    note->v.reason = dm_str_c(a->reason);
    note->v.issued_s = a->now_s;
    note->v.due_s = 0;
    note->v.discount = note->v.prepaid = (dm_money){0};
    note->v.statements = note->v.first_statement = note->v.last_statement = 0;
    dm_merkle none = {0};
    return dm_merkle_root(&none, &note->v.statements_root, err);
}

static int book_note(dm_pg *c, const dm_after *a, const dm_doc *d, dm_money open, dm_money rest,
        const dm_digest *sha256, dm_err *err)
{
    dm_booking_entry e[3 + DM_INVOICE_TAXES_MAX];
    char key[80], names[DM_INVOICE_TAXES_MAX][32];
    size_t n = 0;
    dm_money back;
    int r = dm_money_negate(open, &back, err);
    e[n++] = lowered(a, back);
    if (r == 0)
        r = dm_money_negate(rest, &back, err);
    e[n++] = (dm_booking_entry){true, "receivable", back};
    e[n++] = (dm_booking_entry){false, "credits", d->v.net};
    for (size_t i = 0; i < d->v.ntaxes; i++) {
        const dm_str *j = &d->v.taxes[i].jurisdiction;
        (void)snprintf(names[i], sizeof names[i], "tax:%.*s", (int)j->n, j->p);
        e[n++] = (dm_booking_entry){false, names[i], d->v.taxes[i].amount};
    }
    (void)snprintf(key, sizeof key, "credit:%lld:%s", (long long)d->entity_no, d->number);
    const dm_journal_head h = head(a, key, "credit_note", sha256);
    if (r == 0)
        r = dm_state_book(c, &h, e, n, err);
    (void)snprintf(key, sizeof key, "credit_rest:%lld:%s", (long long)d->entity_no, d->number);
    return r < 0 ? r : to_wallet(c, a, rest, key, "credited after it was paid", err);
}

static int issue_note(dm_pg *c, const dm_sign_key *key, dm_after *a, dm_doc *d, dm_err *err)
{
    dm_digest sha256;
    dm_money open = smaller(d->v.total, a->f.open), rest = {0};
    char why[80];
    int r = minus(d->v.total, open, &rest, err);
    if (r == 0)
        r = dm_issue_number(c, d, err);
    if (r == 0)
        r = dm_issue_write(c, key, d, &sha256, err);
    if (r == 0)
        r = book_note(c, a, d, open, rest, &sha256, err);
    if (r == 0)
        r = minus(a->f.open, open, &a->f.open, err);
    if (r == 0)
        r = dm_money_add(a->f.credited, d->v.total, &a->f.credited, err);
    (void)snprintf(why, sizeof why, "credit_note %s", d->number);
    if (r == 0)
        r = dm_state_put(c, &a->f, a->now_s, why, a->who, err);
    (void)snprintf(a->number, sizeof a->number, "%s", d->number);
    dm_money_print(rest, a->to_wallet);
    return r < 0 ? r : dm_issue_tell(c, d, &sha256, err);
}

static int credit(
        dm_pg *c, const dm_sign_key *key, dm_after *a, crediting *k, const dm_credit_line *lines, size_t n, dm_err *err)
{
    int r = dm_doc_load(c, a->f.invoice_no, &k->of, err);
    if (r == 0)
        r = load_credited(c, k, err);
    if (r == 0)
        r = begin_note(a, k, err);
    if (r == 0)
        r = n == 0 ? credit_all(k, err) : credit_some(a, k, lines, n);
    if (r == 0 && k->note.v.nlines == 0)
        return no(a, "nothing is left to credit");
    if (r != 0)
        return r;
    dm_err why;
    r = dm_invoice_reckon_credit(&k->note.v, &k->of.v, k->credited, k->taxed, &why);
    if (r == DM_E_INVALID)
        return no(a, why.msg);
    if (r < 0)
        return dm_fail(err, r, "%s", why.msg);
    k->note.head = k->of.head; /* lent: what is frozen of the one is of the other */
    r = issue_note(c, key, a, &k->note, err);
    k->note.head = NULL;
    return r;
}

int dm_after_credit(dm_pg *c, const dm_sign_key *key, dm_after *a, const dm_credit_line *lines, size_t n, dm_err *err)
{
    if (a->f.voided)
        return no(a, "it is voided");
    DM_AUTO_MEM crediting *k = calloc(1, sizeof *k);
    if (k == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a credit note");
    int r = credit(c, key, a, k, lines, n, err);
    dm_doc_done(&k->note);
    dm_doc_done(&k->of);
    return r;
}

/* --- money that came ---------------------------------------------------------------------------------------- */

int dm_after_pay(dm_pg *c, dm_after *a, const dm_paid *p, dm_err *err)
{
    if (a->f.voided)
        return no(a, "it is voided: what came for it is to go back");
    dm_money taken = smaller(p->amount, a->f.open), rest, back;
    char key[240];
    int r = minus(p->amount, taken, &rest, err);
    if (r == 0)
        r = dm_sql_payment(c, &a->f, p, rest, a->now_s, err);
    dm_booking_entry e[3] = {{false, "cash", p->amount}};
    if (r == 0)
        r = dm_money_negate(taken, &back, err);
    e[1] = lowered(a, back);
    if (r == 0)
        r = dm_money_negate(rest, &back, err);
    e[2] = (dm_booking_entry){true, "receivable", back};
    (void)snprintf(key, sizeof key, "pay:%.200s", p->idem_key);
    const dm_journal_head h = head(a, key, "payment", NULL);
    if (r == 0)
        r = dm_state_book(c, &h, e, DM_LEN(e), err);
    (void)snprintf(key, sizeof key, "pay_rest:%.200s", p->idem_key);
    if (r == 0)
        r = to_wallet(c, a, rest, key, "more came than was open", err);
    if (r == 0)
        r = minus(a->f.open, taken, &a->f.open, err);
    if (r == 0)
        r = dm_money_add(a->f.paid, taken, &a->f.paid, err);
    dm_money_print(rest, a->to_wallet);
    return r < 0 ? r : dm_state_put(c, &a->f, a->now_s, "payment", a->who, err);
}

/* --- the rest ----------------------------------------------------------------------------------------------- */

int dm_after_dispute(dm_pg *c, dm_after *a, bool disputed, dm_err *err)
{
    if (a->f.voided || a->f.open.v == 0)
        return no(a, "nothing of it is open");
    if (a->f.disputed == disputed)
        return no(a, disputed ? "it is disputed already" : "it is not disputed");
    a->f.disputed = disputed;
    return dm_state_put(c, &a->f, a->now_s, a->reason, a->who, err);
}

int dm_after_give_up(dm_pg *c, dm_after *a, dm_err *err)
{
    char key[40];
    dm_money back;
    if (a->f.voided || a->f.uncollectible || a->f.open.v == 0)
        return no(a, "nothing of it is open");
    int r = dm_money_negate(a->f.open, &back, err);
    const dm_booking_entry e[] = {{false, "bad_debt", a->f.open}, {true, "receivable", back}};
    (void)snprintf(key, sizeof key, "bad_debt:%lld", (long long)a->f.invoice_no);
    const dm_journal_head h = head(a, key, "bad_debt", NULL);
    if (r == 0)
        r = dm_state_book(c, &h, e, DM_LEN(e), err);
    a->f.uncollectible = true;
    return r < 0 ? r : dm_state_put(c, &a->f, a->now_s, a->reason, a->who, err);
}

int dm_after_overdue(dm_pg *c, dm_after *a, dm_err *err)
{
    char why[40] = "due ";
    dm_day_text(a->f.due_s, why + 4);
    if (strcmp(dm_invoice_status(&a->f, a->now_s), "overdue") != 0)
        return no(a, "it is not overdue");
    DM_AUTO_MEM dm_doc *d = calloc(1, sizeof *d);
    if (d == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an invoice");
    int r = dm_state_put(c, &a->f, a->now_s, why, a->who, err);
    if (r == 0)
        r = dm_doc_load(c, a->f.invoice_no, d, err);
    if (r == 0)
        r = dm_issue_remind(c, d, err);
    dm_doc_done(d);
    return r > 0 ? dm_fail(err, DM_E_INTERNAL, "an invoice that has a state is not there") : r;
}
