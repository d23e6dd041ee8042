/* The lives of a sandbox in one statement, judged together: of two that claim a second the higher epoch has it, so the
 * last must be known before the first can be rated.
 *
 * What is billed follows from the attestation, second by second and line by line, or it is less: where our frames said
 * less than the worker swore, or a rule cut what it swore to (after its end, out of its life), the cheaper is billed,
 * and neither frames nor our rows are in the bundle. That it is not more is what can be seen. */
#include "base/grow.h"
#include "base/wire/frame.h"

#include "metering/verify/own.h"

static int fault(dm_v *v, const dm_v_life *l, const char *words)
{
    return dm_v_row_fault(v, DM_FAULT_WRONG, &l->s, l->page, l->place, true, "%s", words);
}

/* --- keeping ------------------------------------------------------------------------------------------------ */

static int link_to(dm_v *v, const dm_stated *s, uint32_t place, dm_err *err)
{
    static const dm_digest none;
    dm_verdict *o = v->out;
    dm_digest before;
    bool known;
    int r = dm_v_links_see(&v->links, &s->sandbox, v->head.number, &s->attestation, &known, &before, err);
    if (r < 0)
        return r;
    const dm_digest *named = &v->attest->previous;
    if (known && memcmp(named, &before, sizeof(before)) == 0) {
        o->followed++;
    } else if (!known && memcmp(named, &none, sizeof(none)) == 0) {
        o->began++;
    } else if (!known) {
        o->before++;
    } else if (o->broken++ == 0) {
        o->first_broken = (dm_fault){.statement = v->head.number,
                .page = v->page.no,
                .place = place,
                .has_sandbox = true,
                .sandbox = s->sandbox,
                .epoch = s->epoch,
                .has_hash = true,
                .hash = s->attestation};
    }
    return 0;
}

int dm_v_life_add(dm_v *v, size_t i, size_t lines, dm_str message, dm_err *err)
{
    const dm_stated *s = &v->page.rows[i];
    int r = dm_grow(&v->lives, &v->lives_room, v->nlives, DM_VERIFY_LIVES_MAX, "lives of one sandbox", err);
    if (r < 0)
        return r == DM_E_LIMIT ? dm_v_unknown(v, "%s", err != NULL ? err->msg : "too many lives") : r;
    v->lives[v->nlives] = (dm_v_life){.s = *s,
            .page = v->page.no,
            .place = (uint32_t)i + 1,
            .lines = v->nlife_lines,
            .message = v->messages.len,
            .n = message.n};
    for (size_t k = 0; r == 0 && k < s->nlines; k++) {
        r = dm_grow(&v->life_lines, &v->life_lines_room, v->nlife_lines, DM_VERIFY_LIVES_MAX * 8, "lines", err);
        if (r == 0)
            v->life_lines[v->nlife_lines++] = v->page.lines[lines + k];
    }
    (void)dm_buf_str(&v->messages, message);
    if (r < 0 || dm_buf_ok(&v->messages, err) < 0)
        return dm_v_unknown(v, "a sandbox has more lives in one statement than this program looks at together");
    v->nlives++;
    return link_to(v, s, (uint32_t)i + 1, err);
}

/* --- rating ------------------------------------------------------------------------------------------------- */

typedef struct rated {
    uint64_t running_s, hibernated_s;
    dm_rate_line lines[DM_RATE_LINES_MAX];
    size_t n;
    dm_money total;
} rated;

/* A book of which nothing was charged is not on the statement: so seconds that charge nothing may lie in none. */
static bool leave_out_uncharged(const dm_v *v, const dm_v_group *g, uint8_t *state)
{
    uint32_t disk[DM_RATE_SECONDS_MAX / 60 + 1], period_s = v->head.st.period_s;
    size_t at = 0;
    dm_rate_disk(v->attest->disk_16mib, period_s / 60, disk);
    for (uint32_t s = 0; s < period_s; s++) {
        while (at < g->n && g->segments[at].to <= s)
            at++;
        if (state[s] == 0 || (at < g->n && g->segments[at].from <= s))
            continue;
        if (state[s] == DM_SAMPLE_RUN || (disk[s / 60] != DM_DISK_UNKNOWN && disk[s / 60] > 0))
            return false;
        state[s] = 0;
    }
    return true;
}

/* state is changed. */
static int rate(const dm_v *v, const dm_v_life *l, const dm_v_group *g, uint8_t *state, rated *out, dm_err *err)
{
    dm_rate_use use = {v->head.st.period_s, state, v->attest->disk_16mib, l->s.vcpus, l->s.mem_mib};
    out->running_s = dm_rate_count(&use, DM_SAMPLE_RUN, 0, use.seconds);
    out->hibernated_s = dm_rate_count(&use, DM_SAMPLE_HIB, 0, use.seconds);
    if (!leave_out_uncharged(v, g, state))
        return dm_fail(err, DM_E_NOTFOUND, "no price book of the statement holds in a second that is charged");
    int r = dm_rate_use_lines(&use, g->segments, g->n, out->lines, &out->n, err);
    if (r == 0 && out->n > 1)
        qsort(out->lines, out->n, sizeof(out->lines[0]), dm_stated_line_cmp);
    return r < 0 ? r : dm_rate_total(out->lines, out->n, &out->total, err);
}

static bool same_line(const dm_rate_line *a, const dm_rate_line *b)
{
    return a->sku == b->sku && a->tier == b->tier && a->book_id == b->book_id && a->from == b->from && a->to == b->to &&
           a->seconds == b->seconds && a->qty.v == b->qty.v && a->per_unit.v == b->per_unit.v &&
           a->amount.v == b->amount.v;
}

static bool same(const dm_v *v, const dm_v_life *l, const rated *r)
{
    if (l->s.running_s != r->running_s || l->s.hibernated_s != r->hibernated_s || l->s.nlines != r->n)
        return false;
    for (size_t i = 0; i < r->n; i++) {
        if (!same_line(&v->life_lines[l->lines + i], &r->lines[i]))
            return false;
    }
    return true;
}

/* --- what is less ------------------------------------------------------------------------------------------- */

/* A line is whole in itself: its price is the book's, its time the book's, and it is what it says multiplied. */
static bool sound(const dm_v_life *l, const dm_v_group *g, const dm_rate_line *x)
{
    dm_money amount;
    dm_qty qty;
    uint64_t micro = x->sku == DM_SKU_VCPU_RUN  ? (uint64_t)l->s.vcpus * 1000000
                     : x->sku == DM_SKU_MEM_RUN ? (uint64_t)(l->s.mem_mib / 16) * 15625
                                                : 0;
    if (x->sku == DM_SKU_MINUTES || x->sku == DM_SKU_SNAPSHOT || x->tier != 0 || x->seconds < 0 ||
            x->seconds > x->to - x->from || dm_money_of(x->qty, x->per_unit, &amount, NULL) < 0 ||
            amount.v != x->amount.v)
        return false;
    if (micro > 0 && (dm_qty_of((uint64_t)x->seconds, micro, &qty, NULL) < 0 || qty.v != x->qty.v))
        return false;
    for (size_t i = 0; i < g->n; i++) {
        const dm_rate_segment *s = &g->segments[i];
        if (s->from == x->from && s->to == x->to && s->book->id == x->book_id)
            return s->book->has[x->sku] && s->book->per_unit[x->sku].v == x->per_unit.v &&
                   (!s->book->minutes || x->sku == DM_SKU_DISK_HIB);
    }
    return false;
}

static bool not_more(const dm_v *v, const dm_v_life *l, const dm_v_group *g, const rated *bound)
{
    const dm_rate_line *lines = &v->life_lines[l->lines];
    uint64_t vcpu_s = 0, mem_s = 0, hib_s = 0;
    bool all_minutes = g->minutes, any_minutes = g->minutes;
    dm_money total;
    for (size_t i = 0; i < g->n; i++)
        all_minutes = all_minutes && g->segments[i].book->minutes;
    for (size_t i = 0; i < l->s.nlines; i++) {
        if (!sound(l, g, &lines[i]) || (i > 0 && dm_stated_line_cmp(&lines[i - 1], &lines[i]) >= 0))
            return false;
        vcpu_s += lines[i].sku == DM_SKU_VCPU_RUN ? (uint64_t)lines[i].seconds : 0;
        mem_s += lines[i].sku == DM_SKU_MEM_RUN ? (uint64_t)lines[i].seconds : 0;
        hib_s += lines[i].sku == DM_SKU_DISK_HIB ? (uint64_t)lines[i].seconds : 0;
    }
    if (vcpu_s != mem_s || vcpu_s > l->s.running_s || hib_s > l->s.hibernated_s ||
            (!any_minutes && vcpu_s != l->s.running_s) || (all_minutes && vcpu_s != 0))
        return false;
    if (any_minutes && l->s.running_s > bound->running_s)
        return false;
    return dm_rate_total(lines, l->s.nlines, &total, NULL) == 0 && dm_money_cmp(total, bound->total) <= 0;
}

/* --- the verdict on one ------------------------------------------------------------------------------------- */

static void use_books(dm_v *v, const dm_v_life *l, const dm_v_group *g)
{
    dm_v_book *b;
    for (size_t i = 0; i < l->s.nlines; i++) {
        if ((b = dm_v_book_find(v, v->life_lines[l->lines + i].book_id)) != NULL)
            b->used = true;
    }
    for (size_t i = 0; i < g->n; i++) {
        if (g->segments[i].book->minutes && (b = dm_v_book_find(v, g->segments[i].book->id)) != NULL)
            b->used = true;
    }
}

/* The running seconds of each stretch of prices; of a row that is billed less it is known of one stretch alone. */
static void pool(dm_v *v, const dm_v_life *l, dm_v_group *g, const uint8_t *state, bool exact)
{
    dm_rate_use use = {v->head.st.period_s, state, v->attest->disk_16mib, l->s.vcpus, l->s.mem_mib};
    uint64_t charged = 0;
    if (!g->minutes)
        return;
    v->pooled = true;
    for (size_t i = 0; i < l->s.nlines; i++) {
        const dm_rate_line *x = &v->life_lines[l->lines + i];
        charged += x->sku == DM_SKU_VCPU_RUN ? (uint64_t)x->seconds : 0;
    }
    v->pooled_sum += l->s.running_s - charged;
    if (!exact && g->n == 1) {
        g->pooled_s[0] += l->s.running_s;
    } else if (!exact) {
        v->pool_split = true;
    } else {
        for (size_t i = 0; i < g->n; i++) {
            if (g->segments[i].book->minutes)
                g->pooled_s[i] += dm_rate_count(&use, DM_SAMPLE_RUN, g->segments[i].from, g->segments[i].to);
        }
    }
}

static int judge_nothing(dm_v *v, const dm_v_life *l)
{
    if (l->s.running_s + l->s.hibernated_s > 0 || l->s.nlines > 0 || !l->s.attested)
        return fault(v, l, "it is charged, and the page says that nothing is");
    v->out->nothing++;
    return 0;
}

/* *less: whether a life after this one was billed less than is attested, and so may have left it seconds. */
static int judge(dm_v *v, const dm_v_life *l, bool *less, dm_err *err)
{
    static const char not_it[] = "seconds or lines do not follow from its attestation";
    rated net, full;
    uint64_t doubled;
    dm_err why;
    uint8_t state[DM_RATE_SECONDS_MAX];
    int r = dm_attest_read((dm_str){v->messages.p + l->message, l->n}, v->attest, NULL, err);
    if (r < 0)
        return r;
    if (l->s.basis == DM_BASIS_NOTHING)
        return judge_nothing(v, l);
    memcpy(v->state, v->attest->state, sizeof(v->state));
    dm_judge_take(v->held, l->s.epoch, v->head.st.period_s, v->state, &doubled);
    const dm_v_region *region = dm_v_region_named(v, dm_str_c(l->s.region));
    dm_v_group *g = region != NULL ? dm_v_group_of(v, region->group) : NULL;
    if (g == NULL)
        return fault(v, l, "the price books of the statement do not fit each other");
    memcpy(state, v->state, sizeof(state));
    bool exact = rate(v, l, g, state, &net, &why) == 0 && same(v, l, &net);
    if (!exact) {
        memcpy(state, *less ? v->attest->state : v->state, sizeof(state));
        if (!l->s.attested || rate(v, l, g, state, &full, &why) < 0 || !not_more(v, l, g, &full))
            return fault(v, l, not_it);
        *less = true;
        v->out->less++;
    }
    v->out->exact += exact && l->s.attested;
    v->out->unattested += !l->s.attested;
    if (l->s.running_s + l->s.hibernated_s > 0) {
        use_books(v, l, g);
        pool(v, l, g, v->state, exact);
    }
    return 0;
}

int dm_v_lives_judge(dm_v *v, dm_err *err)
{
    bool less = false;
    int r = 0;
    memset(v->held, 0, sizeof(v->held));
    for (size_t i = v->nlives; r == 0 && i-- > 0;)
        r = judge(v, &v->lives[i], &less, err);
    v->nlives = v->nlife_lines = 0;
    dm_buf_reset(&v->messages);
    return r;
}
