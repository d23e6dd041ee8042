/* The sums of an invoice and of a credit note (invoice.h says what they are). */
#include <assert.h>
#include <stdlib.h>

#include "metering/rules/allocate.h"
#include "metering/rules/invoice.h"
#include "metering/rules/tier.h"

static int minus(dm_money a, dm_money b, dm_money *out, dm_err *err)
{
    dm_money negative;
    int r = dm_money_negate(b, &negative, err);
    return r < 0 ? r : dm_money_add(a, negative, out, err);
}

static int more(dm_money *sum, dm_money by, dm_err *err)
{
    return dm_money_add(*sum, by, sum, err);
}

/* What the lines of a tax come to, exactly. */
static int sum_lines(dm_invoice *v, dm_err *err)
{
    int r = 0;
    v->exact = (dm_money){0};
    for (size_t t = 0; t < v->ntaxes; t++)
        v->taxes[t].exact = (dm_money){0};
    for (size_t i = 0; r == 0 && i < v->nlines; i++) {
        assert(v->lines[i].tax < v->ntaxes);
        r = more(&v->taxes[v->lines[i].tax].exact, v->lines[i].amount, err);
        if (r == 0)
            r = more(&v->exact, v->lines[i].amount, err);
    }
    return r;
}

/* The printed shares of a tax's lines. */
static int split(dm_invoice *v, size_t t, dm_err *err)
{
    size_t n = 0;
    DM_AUTO_MEM dm_money *shares = calloc(v->nlines + 1, sizeof *shares);
    if (shares == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu lines", v->nlines);
    for (size_t i = 0; i < v->nlines; i++) {
        if (v->lines[i].tax == t)
            shares[n++] = v->lines[i].amount;
    }
    int r = dm_allocate(shares, n, v->taxes[t].lines, v->decimals, shares, err);
    for (size_t i = 0, k = 0; r == 0 && i < v->nlines; i++) {
        if (v->lines[i].tax == t)
            v->lines[i].net = shares[k++];
    }
    return r;
}

/* A tax of its exact sum; *discount is what is left to take off. */
static int reckon_tax(dm_invoice *v, size_t t, dm_money *discount, dm_err *err)
{
    dm_invoice_tax *x = &v->taxes[t];
    dm_money exact;
    x->discount = x->exact.v <= 0 ? (dm_money){0} : dm_money_cmp(*discount, x->exact) < 0 ? *discount : x->exact;
    int r = minus(*discount, x->discount, discount, err);
    if (r == 0)
        r = minus(x->exact, x->discount, &exact, err);
    if (r == 0)
        r = dm_minor_round(x->exact, v->decimals, &x->lines, err);
    if (r == 0)
        r = dm_minor_round(exact, v->decimals, &x->base, err);
    if (r == 0)
        r = dm_tax_on(x->base, x->rate_ppm, v->decimals, &x->amount, err);
    if (r == 0)
        r = minus(exact, x->base, &x->rounding, err);
    return r < 0 ? r : split(v, t, err);
}

static int totals(dm_invoice *v, dm_err *err)
{
    int r = 0;
    v->lines_sum = v->net = v->tax = v->rounding = (dm_money){0};
    for (size_t t = 0; r == 0 && t < v->ntaxes; t++) {
        const dm_invoice_tax *x = &v->taxes[t];
        r = more(&v->lines_sum, x->lines, err);
        if (r == 0)
            r = more(&v->net, x->base, err);
        if (r == 0)
            r = more(&v->tax, x->amount, err);
        if (r == 0)
            r = more(&v->rounding, x->rounding, err);
    }
    if (r == 0)
        r = dm_money_add(v->net, v->tax, &v->total, err);
    return r < 0 ? r : minus(v->total, v->prepaid, &v->due, err);
}

int dm_invoice_reckon(dm_invoice *v, dm_err *err)
{
    dm_money discount = v->discount;
    if (discount.v < 0 || v->prepaid.v < 0 || !dm_minor_whole(v->prepaid, v->decimals))
        return dm_fail(err, DM_E_INVALID, "a discount or payment below nothing, or of parts of a minor unit");
    int r = sum_lines(v, err);
    for (size_t t = 0; r == 0 && t < v->ntaxes; t++)
        r = reckon_tax(v, t, &discount, err);
    if (r == 0 && discount.v != 0)
        return dm_fail(err, DM_E_INVALID, "a discount of more than the lines come to");
    if (r == 0)
        r = totals(v, err);
    if (r == 0 && v->prepaid.v > 0 && dm_money_cmp(v->prepaid, v->total) > 0)
        return dm_fail(err, DM_E_INVALID, "more is prepaid than there is to pay");
    return r;
}

/* What of a tax is credited now. */
static int credit_tax(dm_invoice *v, const dm_invoice *of, size_t t, dm_money credited, dm_money taxed, dm_err *err)
{
    dm_invoice_tax *x = &v->taxes[t];
    dm_money left, tax_left;
    int r = minus(of->taxes[t].base, credited, &left, err);
    if (r == 0)
        r = minus(of->taxes[t].amount, taxed, &tax_left, err);
    if (r == 0 && (x->exact.v < 0 || dm_money_cmp(x->exact, left) > 0))
        return dm_fail(err, DM_E_INVALID, "more is credited than is left of the invoice");
    x->lines = x->base = x->exact;
    x->discount = x->rounding = (dm_money){0};
    if (r == 0)
        r = dm_tax_on(x->base, x->rate_ppm, v->decimals, &x->amount, err);
    if (r == 0 && (dm_money_cmp(x->base, left) == 0 || dm_money_cmp(x->amount, tax_left) > 0))
        x->amount = tax_left;
    return r;
}

static int credit_lines(dm_invoice *v, dm_err *err)
{
    for (size_t i = 0; i < v->nlines; i++) {
        if (v->lines[i].net.v <= 0 || !dm_minor_whole(v->lines[i].net, v->decimals))
            return dm_fail(err, DM_E_INVALID, "line %zu credits nothing, or parts of a minor unit", i + 1);
        v->lines[i].amount = v->lines[i].net;
    }
    return sum_lines(v, err);
}

int dm_invoice_reckon_credit(
        dm_invoice *v, const dm_invoice *of, const dm_money *credited, const dm_money *taxed, dm_err *err)
{
    assert(v->ntaxes == of->ntaxes);
    int r = credit_lines(v, err);
    for (size_t t = 0; r == 0 && t < v->ntaxes; t++)
        r = credit_tax(v, of, t, credited[t], taxed[t], err);
    return r < 0 ? r : totals(v, err);
}

int dm_invoice_reckon_alone(dm_invoice *v, dm_err *err)
{
    int r = credit_lines(v, err);
    for (size_t t = 0; r == 0 && t < v->ntaxes; t++) {
        dm_invoice_tax *x = &v->taxes[t];
        if (x->amount.v < 0 || !dm_minor_whole(x->amount, v->decimals))
            return dm_fail(err, DM_E_INVALID, "a tax below nothing, or of parts of a minor unit");
        x->lines = x->base = x->exact;
        x->discount = x->rounding = (dm_money){0};
    }
    return r < 0 ? r : totals(v, err);
}

/* --- what a contract says a month costs at least ------------------------------------------------------------ */

int dm_invoice_commit(dm_invoice *v, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < v->ncommitments; i++) {
        dm_invoice_commitment *c = &v->commitments[i];
        r = dm_commit_due(c->least, c->charges, c->before, &c->amount, err);
        c->line = 0;
        if (r < 0 || c->amount.v == 0)
            continue;
        v->lines[v->nlines++] = (dm_invoice_line){.kind = DM_STR_INIT(DM_INVOICE_COMMITMENT),
                .sku = DM_STR_INIT(DM_INVOICE_COMMITMENT),
                .amount = c->amount};
        c->line = (uint32_t)v->nlines;
    }
    return r;
}
