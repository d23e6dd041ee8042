/* The lives of a sandbox in one statement, judged together: of two that claim a second the higher epoch has it, so the
 * last must be known before the first can be rated.
 *
 * What is billed follows from the attestation, second by second and line by line, or it is less: where our frames said
 * less than the worker swore, or a rule cut what it swore to (after its end, out of its life), the cheaper is billed,
 * and neither frames nor our rows are in the bundle. That it is not more is what can be seen. */
#include "base/grow.h"
#include "base/wire/frame.h"

#include "metering/verify/own.h"

/* --- keeping ------------------------------------------------------------------------------------------------ */

/* Both are by one worker since it last began, which names in each the one before: this one goes back behind it. */
static bool is_fork(const dm_v_link *at, const dm_v_link *before)
{
    static const dm_digest none;
    return at->boot != 0 && at->boot == before->boot && at->worker == before->worker &&
           (memcmp(&at->previous, &before->previous, sizeof(none)) == 0 ||
                   memcmp(&at->previous, &none, sizeof(none)) == 0);
}

static int link_to(dm_v *v, const dm_stated *s, uint32_t place, dm_err *err)
{
    static const dm_digest none;
    dm_verdict *o = v->out;
    const dm_v_link at = {.sandbox = s->sandbox,
            .hash = s->attestation,
            .previous = v->attest->previous,
            .worker = v->attest->worker_no,
            .boot = v->attest->worker_boot,
            .statement = v->head.number};
    dm_v_link before;
    bool known;
    int r = dm_v_links_see(&v->links, &at, &known, &before, err);
    if (r < 0)
        return r;
    if (known && memcmp(&at.previous, &before.hash, sizeof(none)) == 0) {
        o->followed++;
    } else if (!known && memcmp(&at.previous, &none, sizeof(none)) == 0) {
        o->began++;
    } else if (!known) {
        o->before++;
    } else if (is_fork(&at, &before)) {
        return dm_v_row_fault(v, DM_FAULT_WRONG, s, v->page.no, place, false,
                "its worker signed another after the one that it names, which is here");
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
    return v->at_of == DM_V_OWN ? link_to(v, s, (uint32_t)i + 1, err) : 0;
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

/* What is sold in tiers is charged for in the head, segment by segment. */
static int measure(dm_v *v, const dm_v_life *l, dm_v_group *g, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < l->s.nlines; i++) {
        const dm_rate_line *x = &v->life_lines[l->lines + i];
        for (size_t k = 0; r == 0 && k < g->n && x->measured; k++) {
            if (g->segments[k].from != x->from)
                continue;
            dm_rate_line *sum = &g->measured[k][x->sku], before = *sum;
            *sum = *x;
            sum->seconds += before.seconds;
            r = dm_qty_add(before.qty, x->qty, &sum->qty, err);
        }
    }
    return r;
}

static void pool(dm_v *v, const dm_v_life *l, dm_v_group *g, bool exact, dm_v_said_row *said)
{
    dm_rate_use use = {v->at->period_s, v->state, v->attest->disk_16mib, l->s.vcpus, l->s.mem_mib};
    dm_v_said_pool(v, l, g, &v->life_lines[l->lines], l->s.nlines, &use, exact, said);
    if (!g->minutes)
        return;
    v->pooled = true;
    v->pooled_sum += said->was.pooled_s;
    v->pool_split = v->pool_split || said->was.split;
    for (size_t i = 0; i < said->was.nparts; i++) {
        for (size_t k = 0; k < g->n; k++)
            g->pooled_s[k] += g->segments[k].from == said->parts[i].from ? (uint64_t)said->parts[i].seconds : 0;
    }
}

static int judge_nothing(dm_v *v, const dm_v_life *l)
{
    if (l->s.running_s + l->s.hibernated_s > 0 || l->s.nlines > 0 || !l->s.attested)
        return dm_v_wrong(v, l, "it is charged, and the page says that nothing is");
    v->out->nothing++;
    return 0;
}

static bool same(const dm_v *v, const dm_v_life *l, const dm_v_rated *r)
{
    if (l->s.running_s != r->running_s || l->s.hibernated_s != r->hibernated_s || l->s.nlines != r->n)
        return false;
    for (size_t i = 0; i < r->n; i++) {
        if (!dm_v_same_line(&v->life_lines[l->lines + i], &r->lines[i]))
            return false;
    }
    return true;
}

/* *less: whether a life after this one was billed less than is attested, and so may have left it seconds. */
static int judge_own(dm_v *v, const dm_v_life *l, bool *less, dm_err *err)
{
    static const char not_it[] = "seconds or lines do not follow from its attestation";
    const dm_rate_line *lines = &v->life_lines[l->lines];
    dm_v_rated net, full;
    dm_v_said_row said;
    dm_err why;
    uint8_t state[DM_RATE_SECONDS_MAX];
    const dm_v_region *region = dm_v_region_named(v, dm_str_c(l->s.region));
    dm_v_group *g = region != NULL ? dm_v_group_of(v, region->group) : NULL;
    if (g == NULL)
        return dm_v_wrong(v, l, "the price books of the statement do not fit each other");
    memcpy(state, v->state, sizeof(state));
    bool exact = dm_v_rate(v, l, g, state, &net, &why) == 0 && same(v, l, &net);
    if (!exact) {
        memcpy(state, *less ? v->attest->state : v->state, sizeof(state));
        if (!l->s.attested || dm_v_rate(v, l, g, state, &full, &why) < 0 ||
                !dm_v_not_more(l, g, lines, l->s.nlines, &full, true))
            return dm_v_wrong(v, l, not_it);
        *less = true;
        v->out->less++;
    }
    v->out->exact += exact && l->s.attested;
    v->out->unattested += !l->s.attested;
    if (l->s.running_s + l->s.hibernated_s == 0)
        return 0;
    use_books(v, l, g);
    pool(v, l, g, exact, &said);
    int r = measure(v, l, g, err);
    return r < 0 ? r : dm_v_said_put(&v->said, &said.was, lines, said.parts, err);
}

static int judge(dm_v *v, const dm_v_life *l, bool *less, dm_err *err)
{
    uint64_t doubled;
    bool late = v->at_of != DM_V_OWN;
    int r = l->s.bare ? 0 : dm_attest_read((dm_str){v->messages.p + l->message, l->n}, v->attest, NULL, err);
    if (r < 0)
        return r;
    if (l->s.basis == DM_BASIS_NOTHING && !late)
        return judge_nothing(v, l);
    if (l->s.basis != DM_BASIS_NOTHING && !l->s.bare) {
        memcpy(v->state, v->attest->state, sizeof(v->state));
        dm_judge_take(v->held, l->s.epoch, v->at->period_s, v->state, &doubled);
    }
    return late ? dm_v_late_judge(v, l, less, err) : judge_own(v, l, less, err);
}

int dm_v_lives_judge(dm_v *v, dm_err *err)
{
    bool less = false, late = v->at_of != DM_V_OWN && v->nlives > 0;
    int r = late ? dm_v_late_begin(v, err) : 0;
    memset(v->held, 0, sizeof(v->held));
    for (size_t i = v->nlives; r == 0 && i-- > 0;)
        r = judge(v, &v->lives[i], &less, err);
    if (r == 0 && late)
        r = dm_v_late_end(v, err);
    v->nlives = v->nlife_lines = 0;
    dm_buf_reset(&v->messages);
    return r;
}
