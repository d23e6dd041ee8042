/* The lines of the account as a whole: pooled minutes, and what is sold in tiers, each from where the month stood
 * before. Both fill by the time a price begins, then by the group's name, as whoever bills fills them.
 */
#include "base/grow.h"
#include "base/wire/frame.h"

#include "metering/rules/tier.h"
#include "metering/verify/own.h"

static int fault(dm_v *v, const char *words)
{
    char name[DM_USTAR_NAME];
    dm_v_entry(name, "statements/%lld.json", (long long)v->head.number);
    return dm_v_fault(v, DM_FAULT_WRONG, name, "%s", words);
}

static int add_line(dm_v *v, const dm_rate_line *line, dm_err *err)
{
    dm_statement *st = &v->head.st;
    int r = dm_grow(&st->lines, &v->head.lines_room, st->nlines, DM_STATED_ACCOUNT_LINES, "lines", err);
    if (r < 0)
        return r;
    st->lines[st->nlines++] = *line;
    return dm_v_head_line(v, line, err);
}

/* --- what is sold in tiers ---------------------------------------------------------------------------------- */

/* Where the head says that a count stood, of a month that began before the bundle. */
static int believe(dm_v *v, dm_v_count *c, dm_err *err)
{
    const json_t *tiers = json_object_get(v->head.json, "tiers");
    v->out->tiers_unseen++;
    for (size_t i = 0; i < json_array_size(tiers); i++) {
        const json_t *j = json_array_get(tiers, i);
        int64_t book;
        dm_str sku, before;
        if (dm_json_i64(j, "book", 1, INT64_MAX, &book, NULL) == 0 && book == c->book_id &&
                dm_json_str(j, "sku", &sku, NULL) == 0 && dm_str_eq_c(sku, dm_sku_name(c->sku)) &&
                dm_json_str(j, "before", &before, NULL) == 0)
            return dm_qty_parse(before, &c->qty, err) < 0 || c->qty.v < 0 ? fault(v, "a count of it is none") : 0;
    }
    return 0;
}

static int count_of(dm_v *v, int64_t book_id, dm_sku sku, dm_v_count **out, dm_err *err)
{
    for (size_t i = 0; i < v->ncounts; i++) {
        *out = &v->counts[i];
        if ((*out)->book_id == book_id && (*out)->sku == sku)
            return 0;
    }
    if (v->ncounts == DM_LEN(v->counts))
        return dm_v_unknown(v, "more than %zu counts of what is sold in tiers", DM_LEN(v->counts));
    *out = &v->counts[v->ncounts++];
    **out = (dm_v_count){.book_id = book_id, .sku = sku};
    return v->month > v->believed_month ? 0 : believe(v, *out, err);
}

/* The count moves on to `after`, and the head says so. */
static int state_tier(dm_v *v, dm_v_count *c, dm_qty after)
{
    dm_statement *st = &v->head.st;
    size_t i = 0;
    while (i < st->ntiers && (st->tiers[i].book_id != c->book_id || st->tiers[i].sku != c->sku))
        i++;
    if (i == DM_STATED_TIERS_MAX)
        return dm_v_unknown(v, "more than %d counts of what is sold in tiers", DM_STATED_TIERS_MAX);
    if (i == st->ntiers)
        st->tiers[st->ntiers++] = (dm_stated_tier){c->book_id, c->sku, c->qty, c->qty};
    st->tiers[i].after = c->qty = after;
    return 0;
}

static int in_tiers(dm_v *v, const dm_rate_book *book, const dm_rate_line *sum, dm_err *err)
{
    dm_rate_line lines[DM_TIER_LINES_MAX];
    dm_v_count *count;
    dm_qty after;
    size_t n = 0;
    int r = count_of(v, book->id, sum->sku, &count, err);
    if (r == 0)
        r = dm_tier_lines(book, sum, count->qty, sum->qty, lines, &n, err);
    if (r == 0)
        r = dm_qty_add(count->qty, sum->qty, &after, err);
    if (r == 0)
        r = state_tier(v, count, after);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = add_line(v, &lines[i], err);
    return r;
}

/* --- the pool ----------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const dm_v_group *)a)->name, ((const dm_v_group *)b)->name);
}

/* What the i-th stretch of a group adds to the pool, which stands at *at. */
static int fill(dm_v *v, const dm_v_group *g, size_t i, uint64_t *at, dm_err *err)
{
    const dm_rate_book *book = g->segments[i].book;
    dm_rate_line lines[2];
    size_t n;
    int r = dm_rate_minutes(*at, g->pooled_s[i], g->included_s[i], &g->segments[i], lines, &n, err);
    for (size_t k = 0; r == 0 && k < n; k++) {
        bool tiers = lines[k].tier > 0 && book->tiers[DM_SKU_MINUTES].mode != DM_TIER_NONE;
        r = tiers ? in_tiers(v, book, &lines[k], err) : add_line(v, &lines[k], err);
    }
    *at += g->pooled_s[i];
    v->head.st.included_s = g->included_s[i];
    v->included_known = true;
    return r;
}

static int charge(dm_v *v, const dm_v_group *g, size_t i, uint64_t *at, dm_err *err)
{
    const dm_rate_book *book = g->segments[i].book;
    int r = v->pooled && !v->pool_split && book->minutes ? fill(v, g, i, at, err) : 0;
    for (size_t sku = 0; r == 0 && sku < DM_SKU_COUNT; sku++) {
        if (g->measured[i][sku].qty.v > 0)
            r = in_tiers(v, book, &g->measured[i][sku], err);
    }
    return r;
}

static int charge_all(dm_v *v, uint64_t *at, dm_err *err)
{
    dm_v_span *t = &v->own;
    int r = 0;
    if (t->ngroups > 1)
        qsort(t->groups, t->ngroups, sizeof(t->groups[0]), by_name);
    for (uint32_t second = 0; r == 0 && second < t->period_s; second++) {
        for (size_t g = 0; r == 0 && g < t->ngroups; g++) {
            for (size_t i = 0; r == 0 && i < t->groups[g].n; i++)
                r = t->groups[g].segments[i].from == second ? charge(v, &t->groups[g], i, at, err) : 0;
        }
    }
    return r;
}

/* Where a row that is billed less runs through several prices, only what all of them come to can be seen: whole
 * minutes, each at a price of a book, none of them more. */
static int take_stated(dm_v *v, uint64_t before, dm_err *err)
{
    const json_t *lines = json_object_get(v->head.json, "lines");
    dm_qty minutes = {0}, want;
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(lines); i++) {
        const json_t *j = json_array_get(lines, i);
        const char *kind = dm_json_c(j, "kind"), *sku = dm_json_c(j, "sku");
        dm_rate_line x;
        dm_v_count *count;
        if (kind == NULL || sku == NULL || strcmp(kind, "usage") != 0 || strcmp(sku, "minutes") != 0)
            continue;
        if (dm_v_line(j, v->own.start, v->own.period_s, &x, NULL) < 0)
            return fault(v, "a line of it cannot be read");
        if (!dm_v_minutes_ok(v, &x) || x.seconds < 0)
            return fault(v, "a line of it is not what its price book says");
        minutes.v += x.qty.v;
        r = add_line(v, &x, err);
        if (r == 0 && x.tier > 0 && dm_v_book_find(v, x.book_id)->rate.tiers[DM_SKU_MINUTES].mode != DM_TIER_NONE) {
            r = count_of(v, x.book_id, DM_SKU_MINUTES, &count, err);
            if (r == 0)
                r = state_tier(v, count, (dm_qty){count->qty.v + x.qty.v});
        }
    }
    if (r == 0)
        r = dm_qty_of((before + v->pooled_sum) / 60 - before / 60, 1000000, &want, err);
    if (r != 0)
        return r;
    v->out->pools_split++;
    return minutes.v == want.v ? 0 : fault(v, "its minutes are not those that its sandboxes ran");
}

/* Where nothing of the period was pooled by itself, or it is not known how, the allowance is that of one of its plans.
 */
static int take_included(dm_v *v)
{
    const json_t *pool = json_object_get(v->head.json, "pool");
    const dm_statement *st = &v->head.st;
    int64_t included = -1;
    bool good = dm_json_i64(pool, "included_s", 0, INT64_MAX / 2, &included, NULL) == 0;
    bool among = included == 0;
    for (size_t i = 0; i < st->nplans; i++)
        among = among || st->plans[i].included_s == (uint64_t)included;
    if (!good || !among)
        return fault(v, "its pool's allowance is of none of its plans");
    v->head.st.included_s = (uint64_t)included;
    return 0;
}

static void sort(dm_statement *st)
{
    if (st->nlines > 1)
        qsort(st->lines, st->nlines, sizeof(*st->lines), dm_stated_account_line_cmp);
    if (st->ntiers > 1)
        qsort(st->tiers, st->ntiers, sizeof(*st->tiers), dm_stated_tier_cmp);
}

int dm_v_pool(dm_v *v, dm_err *err)
{
    dm_statement *st = &v->head.st;
    st->pooled = v->pooled;
    v->included_known = false;
    if (v->pooled && !v->pool_known) {
        v->pool_s = v->head.pool_before_s;
        v->out->pools_unseen++;
    }
    uint64_t at = v->pool_s;
    int r = charge_all(v, &at, err);
    if (r == 0 && v->pooled && v->pool_split)
        r = take_stated(v, v->pool_s, err);
    if (r == 0 && v->pooled && !v->included_known)
        r = take_included(v);
    sort(st);
    if (r != 0 || !v->pooled)
        return r;
    st->pool_before_s = v->pool_s;
    st->pool_after_s = v->pool_s + v->pooled_sum;
    v->pool_s = st->pool_after_s;
    v->pool_known = true;
    return 0;
}
