#include "metering/rules/tax.h"

static bool is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

int dm_tax_check(const dm_tax_rule *rule, dm_err *err)
{
    const char *c = rule->category;
    bool rated = is(c, "S") || is(c, "L") || is(c, "M"), reasoned = rule->reason != NULL || rule->reason_code != NULL;
    bool known = rated || is(c, "Z") || is(c, "E") || is(c, "AE") || is(c, "O") || is(c, "G") || is(c, "K");
    if (!known)
        return dm_fail(err, DM_E_INVALID, "'%.8s' is no tax category", c);
    if (rule->rate_ppm > DM_TAX_PPM)
        return dm_fail(err, DM_E_INVALID, "a tax of more than all");
    if (is(c, "S") ? rule->rate_ppm == 0 : !rated && rule->rate_ppm != 0)
        return dm_fail(err, DM_E_INVALID, "category %s %s", c, rated ? "has a rate" : "has no rate");
    if (is(c, "Z") || rated ? reasoned : !reasoned)
        return dm_fail(err, DM_E_INVALID, "category %s %s", c, reasoned ? "gives no reason" : "gives a reason");
    if (rule->reverse_charge != is(c, "AE") || (rule->reverse_charge && rule->business != 1))
        return dm_fail(err, DM_E_INVALID, "a reverse charge is of category AE and of a business");
    return 0;
}

/* How much a rule says of the case; -1: it is of another. */
static int says(const dm_tax_rule *r, const dm_tax_case *of)
{
    int seller = is(r->seller, of->seller) ? 1 : is(r->seller, "*") ? 0 : -1;
    int buyer = is(r->buyer, of->buyer)                         ? 2
                : of->area[0] != '\0' && is(r->buyer, of->area) ? 1
                : is(r->buyer, "*")                             ? 0
                                                                : -1;
    int business = r->business < 0 ? 0 : (r->business == 1) == of->business ? 1 : -1;
    if (seller < 0 || buyer < 0 || business < 0 || of->at_s < r->from_s || of->at_s >= r->to_s)
        return -1;
    return seller * 6 + buyer * 2 + business;
}

static bool later(const dm_tax_rule *a, const dm_tax_rule *b)
{
    return a->from_s != b->from_s ? a->from_s > b->from_s : a->no > b->no;
}

int dm_tax_find(const dm_tax_rule *rules, size_t n, const dm_tax_case *of, const dm_tax_rule **out)
{
    const dm_tax_rule *best = NULL;
    int most = -1;
    for (size_t i = 0; i < n; i++) {
        int here = says(&rules[i], of);
        if (here < 0 || here < most || (here == most && !later(&rules[i], best)))
            continue;
        most = here;
        best = &rules[i];
    }
    if (best == NULL)
        return DM_TAX_NONE;
    *out = best;
    return 0;
}

/* In whole units the product has room: at most 23 digits, of a currency with three decimals, and 6 of the rate. */
int dm_tax_on(dm_money base, uint32_t rate_ppm, unsigned decimals, dm_money *out, dm_err *err)
{
    if (!dm_minor_whole(base, decimals))
        return dm_fail(err, DM_E_INVALID, "tax on an amount that is not rounded");
    dm_i128 unit = dm_minor_unit(decimals).v, v = base.v / unit * rate_ppm;
    dm_i128 rest = v % DM_TAX_PPM, whole = v / DM_TAX_PPM;
    if (rest >= DM_TAX_PPM / 2)
        whole++;
    else if (rest <= -(DM_TAX_PPM / 2))
        whole--;
    return dm_money_add((dm_money){0}, (dm_money){whole * unit}, out, err);
}
