#include "metering/rules/estimate.h"

/* A line of one, as that of all. */
static int times(dm_rate_line *line, uint32_t count, dm_err *err)
{
    if (__builtin_mul_overflow(line->qty.v, (dm_i128)count, &line->qty.v))
        return dm_fail(err, DM_E_LIMIT, "%s: more than there is room for", dm_sku_name(line->sku));
    line->seconds *= count; /* at most 2^30 times 10^6 */
    return dm_money_of(line->qty, line->per_unit, &line->amount, err);
}

static int in_tiers(
        dm_estimate *e, const dm_rate_book *book, const dm_estimate_month *month, const dm_rate_line *l, dm_err *err)
{
    size_t n = 0;
    int r = dm_tier_lines(book, l, month->counts[l->sku], l->qty, e->lines + e->n, &n, err);
    e->n += r == 0 ? n : 0;
    return r;
}

static int add(
        dm_estimate *e, const dm_rate_book *book, const dm_estimate_month *month, const dm_rate_line *l, dm_err *err)
{
    bool paid = l->sku == DM_SKU_MINUTES && l->tier > 0;
    if (l->measured || (paid && book->tiers[DM_SKU_MINUTES].mode != DM_TIER_NONE))
        return in_tiers(e, book, month, l, err);
    e->lines[e->n++] = *l;
    return 0;
}

int dm_estimate_of(const dm_estimate_use *use, const dm_rate_book *book, const dm_estimate_month *month,
        dm_estimate *out, dm_err *err)
{
    const dm_rate_segment all = {0, 1, book};
    dm_rate_line lines[DM_SKU_COUNT], minutes[2];
    size_t n = 0, nminutes = 0;
    *out = (dm_estimate){.n = 0};
    if (use->count == 0 || use->count > DM_ESTIMATE_COUNT_MAX)
        return dm_fail(err, DM_E_INVALID, "from 1 to %d sandboxes are estimated", DM_ESTIMATE_COUNT_MAX);
    int r = dm_rate_sum_lines(&use->each, &all, lines, &n, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = times(&lines[i], use->count, err);
        if (r == 0)
            r = add(out, book, month, &lines[i], err);
    }
    if (r == 0 && book->minutes)
        r = dm_rate_minutes(
                month->pool_s, use->each.running_s * use->count, month->included_s, &all, minutes, &nminutes, err);
    for (size_t i = 0; r == 0 && i < nminutes; i++)
        r = add(out, book, month, &minutes[i], err);
    return r < 0 ? r : dm_rate_total(out->lines, out->n, &out->total, err);
}
