#include "metering/rules/tier.h"

int dm_tiers_check(const dm_tiers *t, dm_err *err)
{
    if (t->mode == DM_TIER_NONE || t->n == 0 || t->n > DM_TIERS_MAX)
        return dm_fail(err, DM_E_INVALID, "a price in tiers has 1 to %d after the first", DM_TIERS_MAX);
    for (size_t i = 0; i < t->n; i++) {
        if (t->from[i].v <= (i > 0 ? t->from[i - 1].v : 0))
            return dm_fail(err, DM_E_INVALID, "tiers must rise");
    }
    return 0;
}

uint8_t dm_tier_of(const dm_tiers *t, dm_qty sum)
{
    uint8_t tier = 0;
    while (tier < t->n && sum.v >= t->from[tier].v)
        tier++;
    return tier;
}

typedef struct writer {
    const dm_rate_book *book;
    const dm_rate_line *like;
    dm_rate_line *lines;
    size_t n;
} writer;

static int put(writer *w, uint8_t tier, dm_i128 qty, dm_err *err)
{
    const dm_sku sku = w->like->sku;
    if (qty == 0)
        return 0;
    dm_rate_line line = *w->like;
    line.measured = false;
    line.book_id = w->book->id;
    line.tier = (uint8_t)(tier + (sku == DM_SKU_MINUTES));
    line.per_unit = tier == 0 ? w->book->per_unit[sku] : w->book->tiers[sku].per_unit[tier - 1];
    line.qty.v = qty;
    int r = dm_money_of(line.qty, line.per_unit, &line.amount, err);
    if (r < 0)
        return dm_wrap(err, "%s", dm_sku_name(sku));
    w->lines[w->n++] = line;
    return 0;
}

/* Each tier has what of [before, after) lies in it. */
static int graduated(writer *w, const dm_tiers *t, dm_qty before, dm_qty after, dm_err *err)
{
    int r = 0;
    for (uint8_t tier = 0; r == 0 && tier <= t->n; tier++) {
        dm_i128 from = tier == 0 ? 0 : t->from[tier - 1].v, to = tier < t->n ? t->from[tier].v : after.v;
        from = from > before.v ? from : before.v;
        to = to < after.v ? to : after.v;
        if (from < to)
            r = put(w, tier, to - from, err);
    }
    return r;
}

static int volume(writer *w, const dm_tiers *t, dm_qty before, dm_qty after, dm_err *err)
{
    uint8_t was = dm_tier_of(t, before), is = dm_tier_of(t, after);
    if (was == is)
        return put(w, is, after.v - before.v, err);
    int r = put(w, was, -before.v, err);
    return r < 0 ? r : put(w, is, after.v, err);
}

int dm_tier_lines(const dm_rate_book *book, const dm_rate_line *like, dm_qty before, dm_qty more, dm_rate_line *out,
        size_t *n_out, dm_err *err)
{
    const dm_tiers *t = &book->tiers[like->sku];
    dm_qty after;
    int r = dm_tiers_check(t, err);
    if (r == 0 && (before.v < 0 || more.v < 0))
        r = dm_fail(err, DM_E_INVALID, "what is used in a month does not sink");
    if (r == 0)
        r = dm_qty_add(before, more, &after, err);
    if (r < 0)
        return r;
    writer w = {.book = book, .like = like, .lines = out};
    r = t->mode == DM_TIER_VOLUME ? volume(&w, t, before, after, err) : graduated(&w, t, before, after, err);
    if (r == 0)
        *n_out = w.n;
    return r;
}

int dm_price_discount(dm_price list, uint32_t basis_points, dm_price *out, dm_err *err)
{
    enum { WHOLE = 10000 };
    if (basis_points > WHOLE)
        return dm_fail(err, DM_E_INVALID, "a discount is at most %d basis points", WHOLE);
    dm_i128 v = (dm_i128)list.v * (WHOLE - basis_points);
    if (v % WHOLE != 0)
        return dm_fail(err, DM_E_INVALID, "a price less %u basis points has more than 12 decimals", basis_points);
    out->v = (int64_t)(v / WHOLE);
    return 0;
}

int dm_commit_short(dm_money least, dm_money spent, dm_money *out, dm_err *err)
{
    dm_money minus, left;
    int r = dm_money_negate(spent, &minus, err);
    if (r == 0)
        r = dm_money_add(least, minus, &left, err);
    if (r == 0)
        *out = left.v > 0 ? left : (dm_money){0};
    return r;
}

int dm_commit_due(dm_money least, dm_money spent, dm_money before, dm_money *out, dm_err *err)
{
    dm_money lacks, minus;
    int r = dm_commit_short(least, spent, &lacks, err);
    if (r == 0)
        r = dm_money_negate(before, &minus, err);
    return r < 0 ? r : dm_money_add(lacks, minus, out, err);
}
