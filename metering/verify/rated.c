/* What a life is billed by its attestation; and whether what it is billed can be less than that. Which of two is the
 * cheaper is asked with what is sold in tiers at the price of the first one, as whoever bills asks it. */
#include "base/wire/frame.h"

#include "metering/verify/own.h"

int dm_v_wrong(dm_v *v, const dm_v_life *l, const char *words)
{
    return dm_v_row_fault(v, DM_FAULT_WRONG, &l->s, l->page, l->place, true, "%s", words);
}

/* --- rating ------------------------------------------------------------------------------------------------- */

/* A book of which nothing was charged is not on the statement: so seconds that charge nothing may lie in none. Of a
 * period without a statement prices are those of its lines, and what has none may be charged by the minute. */
static bool leave_out_uncharged(const dm_v *v, const dm_v_group *g, uint8_t *state)
{
    uint32_t disk[DM_RATE_SECONDS_MAX / 60 + 1], period_s = v->at->period_s;
    size_t at = 0;
    dm_rate_disk(v->attest->disk_16mib, period_s / 60, disk);
    for (uint32_t s = 0; s < period_s; s++) {
        while (at < g->n && g->segments[at].to <= s)
            at++;
        if (state[s] == 0 || (at < g->n && g->segments[at].from <= s))
            continue;
        if (!g->lone && (state[s] == DM_SAMPLE_RUN || (disk[s / 60] != DM_DISK_UNKNOWN && disk[s / 60] > 0)))
            return false;
        state[s] = 0;
    }
    return true;
}

int dm_v_rate(const dm_v *v, const dm_v_life *l, const dm_v_group *g, uint8_t *state, dm_v_rated *out, dm_err *err)
{
    dm_rate_use use = {v->at->period_s, state, v->attest->disk_16mib, l->s.vcpus, l->s.mem_mib};
    out->running_s = dm_rate_count(&use, DM_SAMPLE_RUN, 0, use.seconds);
    out->hibernated_s = dm_rate_count(&use, DM_SAMPLE_HIB, 0, use.seconds);
    if (!leave_out_uncharged(v, g, state))
        return dm_fail(err, DM_E_NOTFOUND, "no price book of the statement holds in a second that is charged");
    int r = dm_rate_use_lines(&use, g->segments, g->n, out->lines, &out->n, err);
    if (r == 0 && out->n > 1)
        qsort(out->lines, out->n, sizeof(out->lines[0]), dm_stated_line_cmp);
    return r < 0 ? r : dm_rate_use_about(&use, g->segments, g->n, &out->about, err);
}

bool dm_v_same_line(const dm_rate_line *a, const dm_rate_line *b)
{
    return a->sku == b->sku && a->tier == b->tier && a->measured == b->measured && a->book_id == b->book_id &&
           a->from == b->from && a->to == b->to && a->seconds == b->seconds && a->qty.v == b->qty.v &&
           a->per_unit.v == b->per_unit.v && a->amount.v == b->amount.v;
}

/* --- what is less ------------------------------------------------------------------------------------------- */

static const dm_rate_segment *segment_of(const dm_v_group *g, const dm_rate_line *x)
{
    for (size_t i = 0; i < g->n; i++) {
        const dm_rate_segment *s = &g->segments[i];
        if (s->from == x->from && s->to == x->to && s->book->id == x->book_id)
            return s;
    }
    return NULL;
}

/* A line is whole in itself: its price is the book's, its time the book's, and it is what it says multiplied. */
static bool sound(const dm_v_life *l, const dm_v_group *g, const dm_rate_line *x)
{
    const dm_rate_segment *s = segment_of(g, x);
    dm_money amount;
    dm_qty qty;
    uint64_t micro = x->sku == DM_SKU_VCPU_RUN  ? (uint64_t)l->s.vcpus * 1000000
                     : x->sku == DM_SKU_MEM_RUN ? (uint64_t)(l->s.mem_mib / 16) * 15625
                                                : 0;
    if (s == NULL || x->sku == DM_SKU_MINUTES || x->sku == DM_SKU_SNAPSHOT || x->tier != 0 || x->qty.v < 0 ||
            x->seconds < 0 || x->seconds > x->to - x->from || dm_money_of(x->qty, x->per_unit, &amount, NULL) < 0 ||
            amount.v != x->amount.v)
        return false;
    if (micro > 0 && (dm_qty_of((uint64_t)x->seconds, micro, &qty, NULL) < 0 || qty.v != x->qty.v))
        return false;
    bool tiers = s->book->tiers[x->sku].mode != DM_TIER_NONE;
    return s->book->has[x->sku] && x->measured == tiers && x->per_unit.v == (tiers ? 0 : s->book->per_unit[x->sku].v) &&
           (!s->book->minutes || x->sku == DM_SKU_DISK_HIB);
}

/* What the lines come to, with what is sold in tiers at its first price. */
static int about(const dm_v_group *g, const dm_rate_line *lines, size_t n, dm_money *out)
{
    int r = 0;
    *out = (dm_money){0};
    for (size_t i = 0; r == 0 && i < n; i++) {
        dm_money amount = lines[i].amount;
        const dm_rate_segment *s = lines[i].measured ? segment_of(g, &lines[i]) : NULL;
        if (s != NULL)
            r = dm_money_of(lines[i].qty, s->book->per_unit[lines[i].sku], &amount, NULL);
        if (r == 0)
            r = dm_money_add(*out, amount, out, NULL);
    }
    return r;
}

static bool in_tiers(const dm_v_group *g, dm_sku sku)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->segments[i].book->tiers[sku].mode != DM_TIER_NONE)
            return true;
    }
    return false;
}

bool dm_v_not_more(const dm_v_life *l, const dm_v_group *g, const dm_rate_line *lines, size_t n,
        const dm_v_rated *bound, bool tiers)
{
    uint64_t vcpu_s = 0, mem_s = 0, hib_s = 0;
    bool all_minutes = g->minutes && !g->lone, any_minutes = g->minutes || g->lone;
    bool whole = tiers || !(in_tiers(g, DM_SKU_VCPU_RUN) || in_tiers(g, DM_SKU_MEM_RUN)); /* all seconds have lines */
    dm_money total;
    for (size_t i = 0; i < g->n; i++)
        all_minutes = all_minutes && g->segments[i].book->minutes;
    for (size_t i = 0; i < n; i++) {
        if (!sound(l, g, &lines[i]) || (i > 0 && dm_stated_line_cmp(&lines[i - 1], &lines[i]) >= 0))
            return false;
        vcpu_s += lines[i].sku == DM_SKU_VCPU_RUN ? (uint64_t)lines[i].seconds : 0;
        mem_s += lines[i].sku == DM_SKU_MEM_RUN ? (uint64_t)lines[i].seconds : 0;
        hib_s += lines[i].sku == DM_SKU_DISK_HIB ? (uint64_t)lines[i].seconds : 0;
    }
    if (vcpu_s > l->s.running_s || mem_s > l->s.running_s || hib_s > l->s.hibernated_s || (all_minutes && vcpu_s != 0))
        return false;
    if (whole && (vcpu_s != mem_s || (!any_minutes && vcpu_s != l->s.running_s)))
        return false;
    if (any_minutes && l->s.running_s > bound->running_s)
        return false;
    return about(g, lines, n, &total) == 0 && dm_money_cmp(total, bound->about) <= 0;
}
