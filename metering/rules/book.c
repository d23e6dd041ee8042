#include "metering/rules/book.h"

#include "base/parse.h"

/* The price must be what its discount leaves of the list's. */
static int read_discount(dm_str list, dm_str points, dm_price per_unit, dm_book_discount *out, dm_err *err)
{
    uint64_t bp;
    dm_price off;
    if (list.n == 0 && points.n == 0)
        return 0;
    int r = dm_price_parse(list, &out->list, err);
    if (r == 0)
        r = dm_parse_u64(points, 0, 10000, &bp, err);
    if (r == 0)
        r = dm_price_discount(out->list, (uint32_t)bp, &off, err);
    if (r == 0 && off.v != per_unit.v)
        r = dm_fail(err, DM_E_INVALID, "a price is not what its discount leaves");
    if (r < 0)
        return r;
    out->has = true;
    out->basis_points = (uint32_t)bp;
    return 0;
}

static int read_tier(dm_str text, dm_book_terms *t, dm_err *err)
{
    dm_str part[4] = {{"", 0}};
    size_t i = t->tiers.n;
    if (i == DM_TIERS_MAX)
        return dm_fail(err, DM_E_INVALID, "a price has at most %d tiers after the first", DM_TIERS_MAX);
    for (size_t k = 0; k < DM_LEN(part) && dm_str_split(&text, ',', &part[k]); k++)
        continue;
    int r = dm_qty_parse(part[0], &t->tiers.from[i], err);
    if (r == 0)
        r = dm_price_parse(part[1], &t->tiers.per_unit[i], err);
    if (r == 0)
        r = read_discount(part[2], part[3], t->tiers.per_unit[i], &t->tier_discount[i], err);
    t->tiers.n++;
    return r;
}

static int read_tiers(const dm_book_text *x, dm_book_terms *t, dm_err *err)
{
    int r = 0;
    if (x->mode.n == 0)
        return x->tiers.n == 0 ? 0 : dm_fail(err, DM_E_INVALID, "tiers without a mode");
    if (dm_str_eq_c(x->mode, "volume"))
        t->tiers.mode = DM_TIER_VOLUME;
    else if (dm_str_eq_c(x->mode, "graduated"))
        t->tiers.mode = DM_TIER_GRADUATED;
    else
        return dm_fail(err, DM_E_INVALID, "tiers are graduated or volume");
    dm_str rest = x->tiers, one;
    while (r == 0 && dm_str_split(&rest, ';', &one))
        r = read_tier(one, t, err);
    return r < 0 ? r : dm_tiers_check(&t->tiers, err);
}

int dm_book_add(dm_book_made *b, const dm_book_text *t, dm_err *err)
{
    dm_sku sku;
    int r = dm_sku_parse(t->sku, &sku, err);
    if (r < 0)
        return r;
    dm_sku last = DM_SKU_COUNT;
    for (unsigned i = 0; i < DM_SKU_COUNT; i++)
        last = b->rate.has[i] ? (dm_sku)i : last; /* their order is that of their names */
    if (last != DM_SKU_COUNT && last >= sku)
        return dm_fail(err, DM_E_INVALID, "prices stand by SKU, each once");
    dm_book_price *p = &b->prices[b->n];
    dm_book_terms *terms = &b->terms[b->n];
    *p = (dm_book_price){.sku = t->sku, .unit = t->unit};
    *terms = (dm_book_terms){.tiers = {.mode = DM_TIER_NONE}};
    r = dm_price_parse(t->per_unit, &p->per_unit, err);
    if (r == 0)
        r = read_discount(t->list_per_unit, t->discount_bp, p->per_unit, &terms->discount, err);
    if (r == 0)
        r = read_tiers(t, terms, err);
    if (r < 0)
        return dm_wrap(err, "%s", dm_sku_name(sku));
    b->n++;
    b->rate.has[sku] = true;
    b->rate.per_unit[sku] = p->per_unit;
    b->rate.tiers[sku] = terms->tiers;
    return 0;
}
