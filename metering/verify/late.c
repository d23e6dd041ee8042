/* The rows of a period that a statement corrects. A row says all that is billed of it now, and its lines what changed:
 * so what statements have said of it before (said.c) and those lines together are what follows from its attestation, by
 * the prices and plans of that period, or less.
 *
 * Where the period has no statement nothing says which plan held: then prices are those of the row's own lines, each of
 * a book that held there, and what has none may be charged by the minute. Where its statement lies before the bundle
 * what was said is not known, and a line is looked at by itself. */
#include <assert.h>

#include "base/grow.h"
#include "base/wire/frame.h"

#include "metering/verify/own.h"

enum { LINES_MAX = 1 << 16, PARTS_MAX = 1 << 16 };

int dm_v_late_turn(dm_v *v, int of, dm_err *err)
{
    const dm_stated_correction *c = &v->head.st.corrections[of];
    const dm_v_correcting *k = &v->head.correcting[of];
    dm_v_span *t = &v->late;
    t->start = c->start;
    t->end = c->end;
    t->period_s = (uint32_t)(c->end - c->start);
    t->any_book = true;
    t->nplans = t->ngroups = 0;
    v->at = t;
    v->at_of = of;
    v->any_row = false;
    if (!k->seen)
        return 0;
    int r = dm_v_said_open(&v->said, t->start, t->plans, &t->nplans, err);
    return r < 0 ? r : dm_v_said_begin(&v->said, t->start, v->head.number, NULL, 0, err);
}

/* --- what was said ------------------------------------------------------------------------------------------ */

static uint16_t region_at(const dm_v *v, const dm_v_life *l)
{
    const dm_v_region *region = dm_v_region_named(v, dm_str_c(l->s.region));
    return region != NULL ? (uint16_t)(region - v->regions) : UINT16_MAX;
}

static dm_v_was row_of(const dm_v *v, const dm_v_life *l)
{
    return (dm_v_was){.sandbox = l->s.sandbox,
            .project_no = l->s.project_no.v,
            .epoch = l->s.epoch,
            .spec_table = l->s.spec_table,
            .spec = l->s.spec,
            .region = region_at(v, l)};
}

static uint64_t charged_s(const dm_rate_line *lines, size_t n)
{
    uint64_t s = 0;
    for (size_t i = 0; i < n; i++)
        s += lines[i].sku == DM_SKU_VCPU_RUN ? (uint64_t)lines[i].seconds : 0;
    return s;
}

void dm_v_said_pool(const dm_v *v, const dm_v_life *l, const dm_v_group *g, const dm_rate_line *lines, size_t n,
        const dm_rate_use *use, bool exact, dm_v_said_row *out)
{
    *out = (dm_v_said_row){.was = row_of(v, l)};
    out->was.nlines = (uint32_t)n;
    if (!g->minutes && !g->lone)
        return;
    out->was.pooled_s = l->s.running_s - charged_s(lines, n);
    out->was.split = out->was.pooled_s > 0 && (g->lone || (!exact && g->n > 1));
    for (size_t i = 0; i < g->n && !g->lone && !out->was.split; i++) {
        const dm_rate_segment *s = &g->segments[i];
        uint64_t seconds = exact ? dm_rate_count(use, DM_SAMPLE_RUN, s->from, s->to) : l->s.running_s;
        if (s->book->minutes && seconds > 0)
            out->parts[out->was.nparts++] = (dm_v_part){.of_start = v->at->start,
                    .book_id = s->book->id,
                    .seconds = (int64_t)seconds,
                    .included_s = g->included_s[i],
                    .from = s->from,
                    .to = s->to,
                    .region = out->was.region};
    }
}

int dm_v_late_begin(dm_v *v, dm_err *err)
{
    assert(v->nlives > 0);
    return v->head.correcting[v->at_of].seen ? dm_v_said_find(&v->said, &v->lives[0].s.sandbox, err) : 0;
}

static bool same_row(const dm_v_was *a, const dm_v_was *b)
{
    return a->project_no == b->project_no && a->epoch == b->epoch && a->spec_table == b->spec_table &&
           a->spec == b->spec && a->region == b->region;
}

/* What was said of the life: the first such entry that no life before has taken; NULL: nothing. *lines, *parts: its. */
static dm_v_was *was_of(dm_v_said *s, const dm_v_was *row, const dm_rate_line **lines, const dm_v_part **parts)
{
    *lines = s->lines;
    *parts = s->parts;
    for (size_t i = 0; i < s->nwas; i++) {
        dm_v_was *w = &s->was[i];
        if (!w->used && same_row(w, row)) {
            w->used = true;
            return w;
        }
        *lines += w->nlines;
        *parts += w->nparts;
    }
    return NULL;
}

int dm_v_late_end(dm_v *v, dm_err *err)
{
    const dm_v_said *s = &v->said;
    const dm_rate_line *line = s->lines;
    (void)err;
    if (!v->head.correcting[v->at_of].seen)
        return 0;
    for (size_t i = 0; i < s->nwas; i++) {
        bool left = s->was[i].pooled_s > 0 && !dm_v_minutes_in_tiers(v); /* those are not corrected */
        for (size_t k = 0; k < s->was[i].nlines; k++, line++)
            left = left || !line->measured;
        if (left && !s->was[i].used)
            return dm_v_wrong(v, &v->lives[0], "a life of its sandbox that was stated is not among those corrected");
    }
    return 0;
}

/* --- lines -------------------------------------------------------------------------------------------------- */

static int add(dm_v_lines *to, const dm_rate_line *line, dm_err *err)
{
    int r = dm_grow(&to->v, &to->room, to->n, LINES_MAX, "lines of a life", err);
    if (r == 0)
        to->v[to->n++] = *line;
    return r;
}

/* But for those of what is sold in tiers, which is not corrected. */
static int copy(dm_v_lines *to, const dm_rate_line *lines, size_t n, dm_err *err)
{
    int r = 0;
    to->n = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (!lines[i].measured)
            r = add(to, &lines[i], err);
    }
    return r;
}

static bool same_key(const dm_rate_line *a, const dm_rate_line *b)
{
    return a->sku == b->sku && a->tier == b->tier && a->book_id == b->book_id && a->from == b->from && a->to == b->to &&
           a->per_unit.v == b->per_unit.v;
}

/* to + more, times sign, line by line; what is nothing then is left out. DM_E_INVALID: out of range. */
static int merge(dm_v_lines *to, const dm_rate_line *more, size_t n, int sign, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        dm_rate_line x = more[i];
        size_t k = 0;
        x.qty.v *= sign;
        x.seconds *= sign;
        while (k < to->n && !same_key(&to->v[k], &x))
            k++;
        if (k == to->n) {
            r = add(to, &x, err);
            continue;
        }
        to->v[k].seconds += x.seconds;
        r = dm_qty_add(to->v[k].qty, x.qty, &to->v[k].qty, err) < 0 ? DM_E_INVALID : 0;
    }
    size_t kept = 0;
    for (size_t i = 0; r == 0 && i < to->n; i++) {
        if (to->v[i].qty.v == 0)
            continue;
        to->v[kept] = to->v[i];
        r = dm_money_of(to->v[kept].qty, to->v[kept].per_unit, &to->v[kept].amount, err) < 0 ? DM_E_INVALID : 0;
        kept++;
    }
    to->n = r == 0 ? kept : 0;
    if (to->n > 1)
        qsort(to->v, to->n, sizeof(*to->v), dm_stated_line_cmp);
    return r;
}

/* A correction has a line of a kind once, and not of nothing; its amount is what it says multiplied. */
static bool lines_ok(const dm_rate_line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dm_money amount;
        if (lines[i].qty.v == 0 || dm_money_of(lines[i].qty, lines[i].per_unit, &amount, NULL) < 0 ||
                amount.v != lines[i].amount.v || (i > 0 && dm_stated_line_cmp(&lines[i - 1], &lines[i]) > 0))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (same_key(&lines[k], &lines[i]))
                return false;
        }
    }
    return true;
}

static bool among(const dm_rate_line *x, const dm_rate_line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (dm_v_same_line(x, &lines[i]))
            return true;
    }
    return false;
}

static bool same_lines(const dm_v_lines *a, const dm_rate_line *lines, size_t n)
{
    bool all = a->n == n;
    for (size_t i = 0; all && i < n; i++)
        all = among(&a->v[i], lines, n);
    return all;
}

/* --- prices ------------------------------------------------------------------------------------------------- */

/* The book of a line is one of the head's, of the sandbox's region, and holds in all of its time. */
static const dm_v_book *book_of(dm_v *v, const dm_v_life *l, const dm_rate_line *x)
{
    const dm_v_region *region = dm_v_region_named(v, dm_str_c(l->s.region));
    const dm_v_book *b = dm_v_book_find(v, x->book_id);
    bool good = b != NULL && b->in_head && region != NULL && strcmp(b->group, region->group) == 0 &&
                strcmp(b->currency, v->head.st.currency) == 0 && b->valid_from <= v->at->start + x->from &&
                b->valid_to >= v->at->start + x->to && x->from < x->to;
    return good ? b : NULL;
}

/* The segments of a row whose period has no statement. NULL: its lines are of prices that do not fit. */
static dm_v_group *lone_group(dm_v *v, const dm_v_life *l)
{
    dm_v_group *g = &v->lone;
    memset(g, 0, sizeof(*g));
    g->lone = true;
    for (size_t i = 0; i < v->now.n; i++) {
        const dm_rate_line *x = &v->now.v[i];
        const dm_v_book *b = book_of(v, l, x);
        size_t at = 0;
        while (at < g->n && g->segments[at].from < x->from)
            at++;
        if (b != NULL && at < g->n && g->segments[at].from == x->from && g->segments[at].to == x->to &&
                g->segments[at].book == &b->rate)
            continue;
        if (b == NULL || g->n == DM_RATE_SEGMENTS_MAX || (at > 0 && g->segments[at - 1].to > x->from) ||
                (at < g->n && g->segments[at].from < x->to))
            return NULL;
        memmove(&g->segments[at + 1], &g->segments[at], (g->n - at) * sizeof(g->segments[0]));
        g->segments[at] = (dm_rate_segment){x->from, x->to, &b->rate};
        g->minutes = g->minutes || b->rate.minutes;
        g->n++;
    }
    return g;
}

static dm_v_group *group_of(dm_v *v, const dm_v_life *l)
{
    const dm_v_region *region = dm_v_region_named(v, dm_str_c(l->s.region));
    if (v->head.correcting[v->at_of].lone)
        return lone_group(v, l);
    return region != NULL ? dm_v_group_of(v, region->group) : NULL;
}

/* --- the pool ----------------------------------------------------------------------------------------------- */

/* By how much a part of the period's pool changes. */
static int change(dm_v *v, dm_v_correcting *k, const dm_v_part *p, int sign, dm_err *err)
{
    for (size_t i = 0; i < k->nmore; i++) {
        dm_v_part *m = &k->more[i];
        if (m->from == p->from && m->book_id == p->book_id &&
                strcmp(v->regions[m->region].group, v->regions[p->region].group) == 0) {
            m->seconds += sign * p->seconds;
            return 0;
        }
    }
    int r = dm_grow(&k->more, &k->more_room, k->nmore, PARTS_MAX, "parts of a pool", err);
    if (r == 0) {
        k->more[k->nmore] = *p;
        k->more[k->nmore++].seconds *= sign;
    }
    return r;
}

static int pool(dm_v *v, const dm_v_said_row *now, const dm_v_was *was, const dm_v_part *parts, dm_err *err)
{
    dm_v_correcting *k = &v->head.correcting[v->at_of];
    int r = 0;
    k->pool_s += (int64_t)now->was.pooled_s - (was != NULL ? (int64_t)was->pooled_s : 0);
    k->split = k->split || now->was.split || (was != NULL && was->split);
    for (size_t i = 0; r == 0 && i < now->was.nparts; i++)
        r = change(v, k, &now->parts[i], 1, err);
    for (size_t i = 0; r == 0 && was != NULL && i < was->nparts; i++)
        r = change(v, k, &parts[i], -1, err);
    return r;
}

/* --- the verdict on one ------------------------------------------------------------------------------------- */

static void use_books(dm_v *v, const dm_v_life *l)
{
    for (size_t i = 0; i < l->s.nlines; i++) {
        dm_v_book *b = dm_v_book_find(v, v->life_lines[l->lines + i].book_id);
        if (b != NULL)
            b->used = true;
    }
}

/* A row that is not charged says so. */
static bool none_ok(const dm_v_life *l)
{
    return l->s.running_s + l->s.hibernated_s == 0 && (l->s.bare ? l->s.basis == DM_BASIS_NOTHING : l->s.attested);
}

static int judge_unseen(dm_v *v, const dm_v_life *l)
{
    dm_v_correcting *k = &v->head.correcting[v->at_of];
    for (size_t i = 0; i < l->s.nlines; i++) {
        const dm_rate_line *x = &v->life_lines[l->lines + i];
        const dm_v_book *b = book_of(v, l, x);
        if (b == NULL || x->tier != 0 || !b->rate.has[x->sku] || b->rate.per_unit[x->sku].v != x->per_unit.v ||
                x->sku == DM_SKU_MINUTES || x->sku == DM_SKU_SNAPSHOT)
            return dm_v_wrong(v, l, "a line that corrects is not at a price of its book");
    }
    k->unsure = k->split = true;
    v->out->unseen++;
    use_books(v, l);
    return 0;
}

/* Whether the lines that correct are the difference to what follows from the attestation. */
static int is_exact(
        dm_v *v, const dm_v_life *l, const dm_v_group *g, uint8_t *state, bool none, bool *exact, dm_err *err)
{
    dm_v_rated net = {.n = 0};
    dm_err why;
    *exact = none || dm_v_rate(v, l, g, state, &net, &why) == 0;
    int r = copy(&v->want, net.lines, net.n, err);
    if (r == 0)
        r = merge(&v->want, v->was.v, v->was.n, -1, err);
    if (r < 0)
        return r;
    *exact = *exact && l->s.running_s == net.running_s && l->s.hibernated_s == net.hibernated_s &&
             same_lines(&v->want, &v->life_lines[l->lines], l->s.nlines);
    return 0;
}

static bool is_less(dm_v *v, const dm_v_life *l, const dm_v_group *g, uint8_t *state)
{
    dm_v_rated full;
    dm_err why;
    return l->s.attested && dm_v_rate(v, l, g, state, &full, &why) == 0 &&
           dm_v_not_more(l, g, v->now.v, v->now.n, &full, false);
}

static int compare(dm_v *v, const dm_v_life *l, const dm_v_group *g, bool none, bool *exact, bool *less, dm_err *err)
{
    uint8_t state[DM_RATE_SECONDS_MAX];
    memcpy(state, v->state, sizeof(state));
    int r = is_exact(v, l, g, state, none, exact, err);
    if (r < 0 || *exact)
        return r;
    memcpy(state, *less ? v->attest->state : v->state, sizeof(state));
    if (none || !is_less(v, l, g, state))
        return dm_v_wrong(v, l, "what corrects it does not follow from its attestation and from what was stated");
    *less = true;
    return 0;
}

static void count(dm_verdict *o, const dm_v_life *l, bool none, bool exact)
{
    o->corrected++;
    o->nothing += none;
    o->exact += !none && exact && l->s.attested;
    o->less += !exact;
    o->unattested += !none && !l->s.attested;
}

/* What is said of it from now on. */
static void keep(dm_v *v, const dm_v_life *l, const dm_v_group *g, bool exact, dm_v_said_row *said)
{
    dm_rate_use use = {v->at->period_s, v->state, v->attest->disk_16mib, l->s.vcpus, l->s.mem_mib};
    *said = (dm_v_said_row){.was = row_of(v, l)};
    said->was.nlines = (uint32_t)v->now.n;
    if (l->s.running_s > 0)
        dm_v_said_pool(v, l, g, v->now.v, v->now.n, &use, exact, said);
}

int dm_v_late_judge(dm_v *v, const dm_v_life *l, bool *less, dm_err *err)
{
    const dm_rate_line *lines = &v->life_lines[l->lines], *before;
    const dm_v_part *parts;
    dm_v_said_row said;
    bool exact, none = l->s.bare || l->s.basis == DM_BASIS_NOTHING;
    if ((none && !none_ok(l)) || !lines_ok(lines, l->s.nlines))
        return dm_v_wrong(v, l, "a line that corrects is not what it says multiplied, or nothing is charged here");
    if (!v->head.correcting[v->at_of].seen)
        return judge_unseen(v, l);
    const dm_v_was row = row_of(v, l), *was = was_of(&v->said, &row, &before, &parts);
    int r = copy(&v->was, before, was != NULL ? was->nlines : 0, err);
    if (r == 0)
        r = copy(&v->now, v->was.v, v->was.n, err);
    if (r == 0)
        r = merge(&v->now, lines, l->s.nlines, 1, err);
    const dm_v_group *g = r == 0 ? group_of(v, l) : NULL;
    if (r == DM_E_INVALID || (r == 0 && g == NULL))
        return dm_v_wrong(v, l, "the price books that it is corrected by do not fit each other");
    if (r == 0)
        r = compare(v, l, g, none, &exact, less, err);
    if (r != 0)
        return r;
    count(v->out, l, none, exact);
    use_books(v, l);
    keep(v, l, g, exact, &said);
    r = pool(v, &said, was, parts, err);
    return r < 0 ? r : dm_v_said_put(&v->said, &said.was, v->now.v, said.parts, err);
}
