/* Minutes that are corrected. The pool of a month fills in the order of time, so what comes late moves all that came
 * behind it: the month is rated twice, by the parts that statements have put into it, without what a correction brings
 * and with it, and the difference by book and tier is the correction (metering/rules/statement.h). Where not all parts
 * are known, whole minutes are counted, for however they fall into parts there are as many. */
#include "metering/rules/month.h"

#include <assert.h>

#include "base/grow.h"

#include "metering/verify/own.h"

static int fault(dm_v *v, const char *words)
{
    char name[DM_USTAR_NAME];
    dm_v_entry(name, "statements/%lld.json", (long long)v->head.number);
    return dm_v_fault(v, DM_FAULT_WRONG, name, "%s", words);
}

/* --- months ------------------------------------------------------------------------------------------------- */

static void forget(dm_v *v, dm_v_month *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < v->nparts; i++) {
        if (dm_v_month_of(v->parts[i].of_start) != m->month)
            v->parts[kept++] = v->parts[i];
    }
    v->nparts = kept;
}

/* One of the last few, the oldest of which goes for a new one; NULL: it is older than all. */
static dm_v_month *month_at(dm_v *v, int64_t second)
{
    int month = dm_v_month_of(second);
    dm_v_month *oldest = &v->months[0];
    for (size_t i = 0; i < DM_LEN(v->months); i++) {
        if (v->months[i].month == month)
            return &v->months[i];
        oldest = v->months[i].month < oldest->month ? &v->months[i] : oldest;
    }
    if (month < oldest->month)
        return NULL;
    forget(v, oldest);
    *oldest = (dm_v_month){.month = month};
    return oldest;
}

/* --- parts -------------------------------------------------------------------------------------------------- */

static int order(const dm_v *v, const dm_v_part *a, const dm_v_part *b)
{
    int64_t x = a->of_start + a->from, y = b->of_start + b->from;
    if (x != y)
        return x < y ? -1 : 1;
    int c = strcmp(v->regions[a->region].group, v->regions[b->region].group);
    return c != 0 ? c : (a->book_id > b->book_id) - (a->book_id < b->book_id);
}

/* DM_E_INVALID: more is taken out than was put in. */
static int add_part(dm_v *v, const dm_v_part *p, dm_err *err)
{
    size_t i = v->nparts;
    while (i > 0 && order(v, &v->parts[i - 1], p) > 0)
        i--;
    if (i == 0 || order(v, &v->parts[i - 1], p) != 0) {
        int r = dm_grow(&v->parts, &v->parts_room, v->nparts, DM_VERIFY_PARTS_MAX, "parts of a pool", err);
        if (r < 0)
            return r;
        memmove(v->parts + i + 1, v->parts + i, (v->nparts - i) * sizeof(*v->parts));
        v->parts[i] = *p;
        v->nparts++;
    } else {
        v->parts[i - 1].seconds += p->seconds;
        i--;
    }
    return v->parts[i].seconds >= 0 ? 0 : DM_E_INVALID;
}

static uint16_t region_of_group(const dm_v *v, const char *group)
{
    size_t i = 0;
    while (i < v->nregions && strcmp(v->regions[i].group, group) != 0)
        i++;
    assert(i < v->nregions); /* a row is of one */
    return (uint16_t)i;
}

int dm_v_month_add(dm_v *v, dm_err *err)
{
    dm_v_month *m = month_at(v, v->own.start);
    int r = 0;
    if (m == NULL)
        return 0;
    m->split = m->split || v->pool_split;
    m->total_s += (int64_t)v->pooled_sum;
    for (size_t g = 0; g < v->own.ngroups; g++) {
        const dm_v_group *of = &v->own.groups[g];
        for (size_t i = 0; r == 0 && i < of->n; i++) {
            const dm_v_part p = {.of_start = v->own.start,
                    .book_id = of->segments[i].book->id,
                    .seconds = (int64_t)of->pooled_s[i],
                    .included_s = of->included_s[i],
                    .from = of->segments[i].from,
                    .to = of->segments[i].to,
                    .region = region_of_group(v, of->name)};
            r = p.seconds > 0 ? add_part(v, &p, err) : 0;
        }
    }
    return r == DM_E_LIMIT ? dm_v_unknown(v, "a pool has more parts than this program looks at") : r;
}

/* --- rating ------------------------------------------------------------------------------------------------- */

static int rate_month(dm_v *v, int month, dm_month_sum *t, bool with, dm_err *err)
{
    uint64_t at = 0;
    int r = 0;
    for (size_t i = 0; r == 0 && i < v->nparts; i++) {
        const dm_v_part *p = &v->parts[i];
        const dm_v_book *b = dm_v_book_find(v, p->book_id);
        if (dm_v_month_of(p->of_start) != month || b == NULL)
            continue;
        dm_rate_segment segment = {p->from, p->to, &b->rate};
        r = dm_month_count(t, at, (uint64_t)p->seconds, p->included_s, &segment, with, err);
        at += (uint64_t)p->seconds;
    }
    return r;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static int put_line(dm_v *v, dm_stated_correction *c, const dm_rate_line *line, dm_err *err)
{
    size_t room = c->nlines;
    int r = dm_grow(&c->lines, &room, c->nlines, DM_MONTH_LINES_MAX, "lines that correct", err);
    if (r == 0)
        r = dm_v_head_line(v, line, err);
    if (r == 0)
        c->lines[c->nlines++] = *line;
    return r;
}

static int say(dm_v *v, dm_stated_correction *c, const dm_month_sum *t, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < t->n; i++) {
        dm_rate_line line;
        if (t->v[i].qty.v == 0)
            continue;
        r = dm_month_correction(t->v[i], (uint32_t)(c->end - c->start), c->pool_s, &line, err);
        if (r == 0)
            r = put_line(v, c, &line, err);
    }
    if (c->nlines > 1)
        qsort(c->lines, c->nlines, sizeof(*c->lines), dm_stated_account_line_cmp);
    return r;
}

static int rate_twice(dm_v *v, dm_stated_correction *c, const dm_v_correcting *k, dm_v_month *m, dm_err *err)
{
    DM_AUTO_MEM dm_month_sum *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a month");
    int r = rate_month(v, m->month, t, false, err);
    for (size_t i = 0; r == 0 && i < k->nmore; i++)
        r = k->more[i].seconds != 0 ? add_part(v, &k->more[i], err) : 0;
    if (r == DM_E_INVALID)
        return fault(v, "more seconds are taken out of a pool than were put into it");
    if (r == 0)
        r = rate_month(v, m->month, t, true, err);
    return r == 0 ? say(v, c, t, err) : r;
}

bool dm_v_minutes_ok(dm_v *v, const dm_rate_line *x)
{
    const dm_v_book *b = dm_v_book_find(v, x->book_id);
    dm_money amount;
    if (b == NULL || !b->in_head || !b->rate.minutes || x->sku != DM_SKU_MINUTES || x->measured)
        return false;
    const dm_tiers *t = &b->rate.tiers[DM_SKU_MINUTES];
    if (x->tier > 1 && (t->mode == DM_TIER_NONE || x->tier > t->n + 1U))
        return false;
    dm_price price = x->tier == 0   ? (dm_price){0}
                     : x->tier == 1 ? b->rate.per_unit[DM_SKU_MINUTES]
                                    : t->per_unit[x->tier - 2];
    return x->per_unit.v == price.v && dm_money_of(x->qty, x->per_unit, &amount, NULL) == 0 && amount.v == x->amount.v;
}

static int64_t minutes_of(int64_t seconds)
{
    return seconds >= 0 ? seconds / 60 : -1;
}

/* What of the head's lines corrects this period, as they stand there. total_s: of the month before; -1: not known. */
static int take_stated(dm_v *v, dm_stated_correction *c, int64_t total_s, dm_err *err)
{
    const json_t *lines = json_object_get(v->head.json, "lines");
    uint32_t length = (uint32_t)(c->end - c->start);
    dm_qty minutes = {0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(lines); i++) {
        const json_t *j = json_array_get(lines, i);
        const char *kind = dm_json_c(j, "kind");
        dm_rate_line x;
        if (kind == NULL || strcmp(kind, "correction") != 0 || dm_v_line(j, c->start, length, &x, NULL) < 0)
            continue;
        if (!dm_v_minutes_ok(v, &x) || x.from != 0 || x.to != length || x.seconds != c->pool_s)
            return fault(v, "a line that corrects minutes is not what its price book says");
        minutes.v += x.qty.v;
        r = put_line(v, c, &x, err);
    }
    if (r == 0 && total_s >= 0 &&
            minutes.v != (dm_i128)(minutes_of(total_s + c->pool_s) - minutes_of(total_s)) * 1000000)
        return fault(v, "the minutes that it corrects are not those of the month");
    return r;
}

/* --- all of it ---------------------------------------------------------------------------------------------- */

static bool moves(const dm_v_correcting *k)
{
    bool any = k->split || k->unsure;
    for (size_t i = 0; i < k->nmore; i++)
        any = any || k->more[i].seconds != 0;
    return any;
}

static int correct(dm_v *v, dm_stated_correction *c, dm_v_correcting *k, dm_err *err)
{
    bool left = c->pool_s == 0 && dm_v_minutes_in_tiers(v);
    if (!k->unsure && !left && c->pool_s != k->pool_s)
        return fault(v, "the seconds by which it corrects a pool are not those of its rows");
    if (left || (c->pool_s == 0 && !moves(k)))
        return 0;
    dm_v_month *m = month_at(v, c->start);
    bool whole = m != NULL && m->month > v->believed_month;
    int r;
    if (whole && !m->split && !k->split) {
        r = rate_twice(v, c, k, m, err);
    } else {
        v->out->pools_split += k->seen;
        r = take_stated(v, c, whole ? m->total_s : -1, err);
        if (m != NULL)
            m->split = true;
    }
    if (m != NULL)
        m->total_s += c->pool_s;
    return r;
}

int dm_v_month_correct(dm_v *v, dm_err *err)
{
    dm_statement *st = &v->head.st;
    int r = 0;
    if (v->at_of + 1 != (int)st->ncorrections)
        return fault(v, "it corrects a period that no page of it is of");
    for (size_t i = 0; r == 0 && i < st->ncorrections; i++)
        r = correct(v, &st->corrections[i], &v->head.correcting[i], err);
    for (size_t i = 0; r == 0 && i < st->ncorrections; i++) {
        const dm_stated_correction *c = &st->corrections[i];
        if (c->pool_s == 0 || dm_v_month_of(c->start) != v->month)
            continue;
        v->pooled = true;
        if (v->pool_known && (c->pool_s >= 0 || v->pool_s >= (uint64_t)-c->pool_s))
            v->pool_s += (uint64_t)c->pool_s;
    }
    return r == DM_E_LIMIT ? dm_v_unknown(v, "a pool has more parts than this program looks at") : r;
}
