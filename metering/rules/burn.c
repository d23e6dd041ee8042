#include "metering/rules/burn.h"

#include <assert.h>

static int cmp(int64_t a, int64_t b)
{
    return a < b ? -1 : a > b;
}

int dm_burn_cmp(const void *x, const void *y)
{
    const dm_burn_grant *a = x, *b = y;
    int c = cmp(a->priority, b->priority);
    if (c == 0)
        c = cmp(a->expires_s, b->expires_s);
    return c != 0 ? c : cmp(a->no, b->no);
}

static dm_money least(dm_money a, dm_money b)
{
    return dm_money_cmp(a, b) < 0 ? a : b;
}

static int count(dm_burn_sum *sum, bool paid, dm_money amount, dm_err *err)
{
    dm_money *to = paid ? &sum->paid : &sum->promo;
    return dm_money_add(*to, amount, to, err);
}

int dm_burn_plan(const dm_burn_grant *grants, size_t n, int64_t at_s, dm_money amount, dm_burn_part *parts,
        size_t *nparts, dm_burn_sum *sum, dm_err *err)
{
    int r = 0;
    *sum = (dm_burn_sum){{0}, {0}};
    *nparts = 0;
    assert(amount.v >= 0);
    for (size_t i = 0; r == 0 && i < n && amount.v > 0; i++) {
        const dm_burn_grant *g = &grants[i];
        assert(g->free.v >= 0 && (i == 0 || dm_burn_cmp(&grants[i - 1], g) < 0));
        if (g->free.v == 0 || g->expires_s <= at_s)
            continue;
        dm_money take = least(g->free, amount);
        parts[(*nparts)++] = (dm_burn_part){g->no, g->expires_s, g->paid, take};
        amount.v -= take.v;
        r = count(sum, g->paid, take, err);
    }
    return r;
}

int dm_burn_unwind(const dm_burn_part *parts, size_t n, dm_money amount, dm_money *given, dm_burn_sum *sum, dm_err *err)
{
    int r = 0;
    *sum = (dm_burn_sum){{0}, {0}};
    assert(amount.v >= 0);
    for (size_t i = n; r == 0 && i-- > 0;) {
        assert(parts[i].amount.v >= 0);
        given[i] = least(parts[i].amount, amount);
        amount.v -= given[i].v;
        r = count(sum, parts[i].paid, given[i], err);
    }
    return r;
}

int dm_burn_share(dm_money amount, uint64_t part, uint64_t whole, dm_money *out, dm_err *err)
{
    dm_i128 of = (dm_i128)whole, each = amount.v / of, rest, all;
    assert(whole > 0 && part <= whole && amount.v >= 0);
    if (__builtin_mul_overflow(amount.v % of, (dm_i128)part, &rest))
        return dm_fail(err, DM_E_LIMIT, "a split overflows");
    all = each * (dm_i128)part + (rest + of - 1) / of; /* no more than the amount and one */
    out->v = all > amount.v ? amount.v : all;
    return 0;
}
