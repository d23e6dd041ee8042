/* The pool of minutes: filled by the time a price begins, then by the group's name, as the statement's lines have it.
 */
#include "base/grow.h"
#include "base/wire/frame.h"

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
    dm_v_book *b = dm_v_book_find(v, line->book_id);
    if (b != NULL)
        b->used = true;
    return dm_stated_sum_line(&st->sum, line, err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const dm_v_group *)a)->name, ((const dm_v_group *)b)->name);
}

/* What the i-th stretch of a group adds to the pool, which stands at *at. */
static int fill(dm_v *v, const dm_v_group *g, size_t i, uint64_t *at, dm_err *err)
{
    dm_rate_line lines[2];
    size_t n;
    int r = dm_rate_minutes(*at, g->pooled_s[i], g->included_s[i], &g->segments[i], lines, &n, err);
    for (size_t k = 0; r == 0 && k < n; k++)
        r = add_line(v, &lines[k], err);
    *at += g->pooled_s[i];
    v->head.st.included_s = g->included_s[i];
    return r;
}

static int fill_all(dm_v *v, uint64_t *at, dm_err *err)
{
    int r = 0;
    if (v->ngroups > 1)
        qsort(v->groups, v->ngroups, sizeof(v->groups[0]), by_name);
    for (uint32_t second = 0; r == 0 && second < v->head.st.period_s; second++) {
        for (size_t g = 0; r == 0 && g < v->ngroups; g++) {
            const dm_v_group *of = &v->groups[g];
            for (size_t i = 0; r == 0 && i < of->n; i++) {
                if (of->segments[i].from == second && of->segments[i].book->minutes)
                    r = fill(v, of, i, at, err);
            }
        }
    }
    dm_statement *st = &v->head.st;
    if (st->nlines > 1)
        qsort(st->lines, st->nlines, sizeof(*st->lines), dm_stated_account_line_cmp);
    return r;
}

/* Where a row that is billed less runs through several prices, only what all of them come to can be seen: whole
 * minutes, each at a price of a book, none of them more. */
static int take_stated(dm_v *v, uint64_t before, dm_err *err)
{
    const json_t *lines = json_object_get(v->head.json, "lines"), *pool = json_object_get(v->head.json, "pool");
    int64_t included = 0;
    dm_qty minutes = {0}, want;
    for (size_t i = 0; i < json_array_size(lines); i++) {
        dm_rate_line x;
        dm_money amount;
        if (dm_v_line(json_array_get(lines, i), v->head.st.period_start, v->head.st.period_s, &x, NULL) < 0)
            return fault(v, "a line of it cannot be read");
        const dm_v_book *b = dm_v_book_find(v, x.book_id);
        if (b == NULL || !b->in_head || !b->rate.minutes || x.sku != DM_SKU_MINUTES ||
                x.per_unit.v != (x.tier == 0 ? 0 : b->rate.per_unit[DM_SKU_MINUTES].v) ||
                dm_money_of(x.qty, x.per_unit, &amount, NULL) < 0 || amount.v != x.amount.v)
            return fault(v, "a line of it is not what its price book says");
        minutes.v += x.qty.v;
        int r = add_line(v, &x, err);
        if (r < 0)
            return r;
    }
    int r = dm_qty_of((before + v->pooled_sum) / 60 - before / 60, 1000000, &want, err);
    if (r < 0)
        return r;
    if (minutes.v != want.v || dm_json_i64(pool, "included_s", 0, INT64_MAX / 2, &included, NULL) != 0)
        return fault(v, "its minutes are not those that its sandboxes ran");
    v->head.st.included_s = (uint64_t)included;
    v->out->pools_split++;
    return 0;
}

int dm_v_pool(dm_v *v, dm_err *err)
{
    dm_statement *st = &v->head.st;
    st->pooled = v->pooled;
    if (!v->pooled)
        return 0;
    if (!v->pool_known) {
        v->pool_s = v->head.pool_before_s;
        v->out->pools_unseen++;
    }
    uint64_t at = v->pool_s;
    int r = v->pool_split ? take_stated(v, at, err) : fill_all(v, &at, err);
    if (r != 0)
        return r;
    st->pool_before_s = v->pool_s;
    st->pool_after_s = v->pool_s + v->pooled_sum;
    v->pool_s = st->pool_after_s;
    v->pool_known = true;
    return 0;
}
