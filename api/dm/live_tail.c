#include "api/dm/live_tail.h"

#include "api/dm/live.h"
#include "metering/read/usage.h"
#include "tenants/plan/alerts.h"
#include "tenants/plan/denials.h"
#include "tenants/sandbox/changed.h"

enum {
    BACK_US = 2000000,
    FAR_BACK_EVERY = 8, /* looks */
    ROWS_MAX = 4096,    /* of each kind, of one look */
    SEEN_MAX = 4 * ROWS_MAX,
    SPENDS_EVERY = 4 /* looks */
};

struct dm_live_memory {
    dm_live_mark seen[SEEN_MAX]; /* by (id, kind, project) */
    size_t nseen;
    unsigned looks;
    dm_changed changed[ROWS_MAX];
    dm_denials_risen risen[ROWS_MAX];
    dm_alert_came came[ROWS_MAX];
};

dm_live_tail *dm_live_tail_new(dm_err *err)
{
    DM_AUTO(dm_live_tail) t = calloc(1, sizeof *t);
    if (t != NULL) {
        t->marks = calloc(DM_LIVE_KINDS * ROWS_MAX, sizeof *t->marks);
        t->memory = calloc(1, sizeof *t->memory);
    }
    if (t == NULL || t->marks == NULL || t->memory == NULL) {
        (void)dm_fail(err, DM_E_NOMEM, "what was written lately");
        return NULL;
    }
    return dm_steal(&t);
}

void dm_live_tail_free(dm_live_tail *t)
{
    if (t == NULL)
        return;
    free(t->marks);
    free(t->spends);
    free(t->memory);
    free(t);
}

void dm_live_forget(dm_live_tail *t, bool nobody)
{
    t->memory->nseen = 0;
    t->memory->looks = 0;
    if (nobody)
        t->closed_through = 0;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

typedef struct work {
    struct dm_live_memory *m;
    const dm_project_no *projects;
    size_t nprojects;
    int64_t back_us, since_us, before_us; /* before_us: the look before; 0: there was none */
    bool torn;
    int64_t now_us, closed_through, whole_from_us;
    dm_read_spend *spends; /* room for nprojects; NULL: they are not asked for */
    size_t nspends;
    size_t nchanged, nrisen, ncame;
} work;

static int read_all(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    struct dm_live_memory *m = w->m;
    int r = dm_changed_clock(c, &w->now_us, err);
    if (r < 0)
        return r;
    int64_t from = w->now_us - w->back_us, oldest = w->now_us - (int64_t)DM_LIVE_RESUME_S * 1000000;
    if (w->before_us != 0 && w->before_us - BACK_US < from) /* a round may take long */
        from = w->before_us - BACK_US;
    if (w->since_us != 0 && w->since_us < from)
        from = w->since_us < oldest ? oldest : w->since_us;
    r = dm_changed_since(c, w->projects, w->nprojects, from, ROWS_MAX, m->changed, &w->nchanged, err);
    if (r == 0)
        r = dm_denials_since(c, w->projects, w->nprojects, from, ROWS_MAX, m->risen, &w->nrisen, err);
    if (r == 0)
        r = dm_alerts_since(c, w->projects, w->nprojects, from, ROWS_MAX, m->came, &w->ncame, err);
    if (r == 0)
        r = dm_read_closed_through(c, &w->closed_through, err);
    if (r == 0 && w->spends != NULL)
        r = dm_read_spends_of(c, w->projects, w->nprojects, w->spends, &w->nspends, err);
    w->whole_from_us = from;
    if (r == 0 && w->nchanged == ROWS_MAX)
        w->whole_from_us = m->changed[ROWS_MAX - 1].at_us + 1;
    if (r == 0 && w->nrisen == ROWS_MAX && m->risen[ROWS_MAX - 1].last_us >= w->whole_from_us)
        w->whole_from_us = m->risen[ROWS_MAX - 1].last_us + 1;
    if (r == 0 && w->ncame == ROWS_MAX && m->came[ROWS_MAX - 1].at_us >= w->whole_from_us)
        w->whole_from_us = m->came[ROWS_MAX - 1].at_us + 1;
    w->torn = w->before_us != 0 && w->whole_from_us > from && w->whole_from_us > w->before_us - BACK_US;
    return r;
}

/* --- what is new of it -------------------------------------------------------------------------------------- */

static int by_project(const void *a, const void *b)
{
    const dm_live_mark *x = a, *y = b;
    if (x->project.v != y->project.v)
        return x->project.v < y->project.v ? -1 : 1;
    return x->at_us > y->at_us ? -1 : x->at_us < y->at_us;
}

static int by_id(const void *a, const void *b)
{
    const dm_live_mark *x = a, *y = b;
    int c = memcmp(&x->id, &y->id, sizeof x->id);
    if (c == 0)
        c = (int)x->kind - (int)y->kind;
    return c != 0 ? c : (x->project.v > y->project.v) - (x->project.v < y->project.v); /* an account's is in each */
}

static void collect(dm_live_tail *t, const work *w)
{
    t->nmarks = 0;
    for (size_t i = 0; i < w->nchanged; i++) {
        const dm_changed *k = &w->m->changed[i];
        t->marks[t->nmarks++] = (dm_live_mark){.project = k->project, .id = k->id, .at_us = k->at_us};
    }
    for (size_t i = 0; i < w->nrisen; i++) {
        const dm_denials_risen *d = &w->m->risen[i];
        dm_live_mark m = {.project = d->project, .kind = DM_LIVE_DENIAL, .at_us = d->last_us, .count = d->count};
        memcpy(m.id.b, &d->no, sizeof d->no);
        t->marks[t->nmarks++] = m;
    }
    for (size_t i = 0; i < w->ncame; i++) {
        const dm_alert_came *a = &w->m->came[i];
        dm_live_mark m = {.project = a->project, .kind = DM_LIVE_ALERT, .at_us = a->at_us};
        memcpy(m.id.b, &a->no, sizeof a->no);
        t->marks[t->nmarks++] = m;
    }
}

/* Fresh is what no look has met as it is now. What no look back can meet any more is forgotten. */
static void remember(dm_live_tail *t)
{
    struct dm_live_memory *m = t->memory;
    int64_t horizon = t->now_us - 2 * (int64_t)DM_LIVE_FAR_BACK_US;
    size_t n = 0;
    for (size_t i = 0; i < t->nmarks; i++) {
        dm_live_mark *one = &t->marks[i], *old = bsearch(one, m->seen, m->nseen, sizeof *one, by_id);
        one->fresh = old == NULL || old->at_us != one->at_us || old->count != one->count;
        if (old != NULL)
            *old = *one;
    }
    for (size_t i = 0; i < m->nseen; i++)
        if (m->seen[i].at_us >= horizon)
            m->seen[n++] = m->seen[i];
    m->nseen = n;
    for (size_t i = 0; i < t->nmarks && m->nseen < SEEN_MAX; i++)
        if (t->marks[i].fresh && bsearch(&t->marks[i], m->seen, n, sizeof t->marks[i], by_id) == NULL)
            m->seen[m->nseen++] = t->marks[i];
    qsort(m->seen, m->nseen, sizeof m->seen[0], by_id);
    qsort(t->marks, t->nmarks, sizeof t->marks[0], by_project);
}

int dm_live_look(dm_live_tail *t, dm_api *api, const dm_project_no *projects, size_t n, int64_t since_us, dm_err *err)
{
    struct dm_live_memory *m = t->memory;
    work w = {.m = m,
            .projects = projects,
            .nprojects = n,
            .since_us = since_us,
            .before_us = m->looks > 0 ? t->now_us : 0,
            .back_us = m->looks % FAR_BACK_EVERY == 0 ? DM_LIVE_FAR_BACK_US : BACK_US};
    DM_AUTO_MEM dm_read_spend *spends = NULL;
    if (m->looks % SPENDS_EVERY == 0)
        w.spends = spends = calloc(n, sizeof *spends); /* without memory it is the next look's */
    int r = dm_api_tx_ops(api, read_all, &w, err);
    if (r < 0)
        return r;
    if (spends != NULL) {
        free(t->spends);
        t->spends = dm_steal(&spends);
        t->nspends = w.nspends;
    }
    t->closed = t->closed_through != 0 && w.closed_through > t->closed_through;
    t->closed_through = w.closed_through;
    t->torn = w.torn;
    t->now_us = w.now_us;
    t->whole_from_us = w.whole_from_us;
    m->looks++;
    collect(t, &w);
    remember(t);
    return 0;
}
