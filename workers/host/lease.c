#include "workers/host/lease.h"

#include <assert.h>
#include <stddef.h>

#include "base/wire/period.h"

#include "workers/host/parts.h"

enum {
    PROJECTS_MAX = 1 << 20, /* no more than there are boxes */
    AGAIN_S = 600, /* a project without a bound is asked about, at the latest: some bounds begin by the clock */
    TRY_S = 5,     /* what could not be put to sleep is tried again */
    CAP_S = 900,   /* until the API has said how long */
};

typedef enum lease_state { UNKNOWN, FREE, HELD, OVER } lease_state;

typedef struct lease {
    int64_t project; /* the key */
    lease_state state;
    dm_cause cause;             /* of OVER */
    int64_t running, brought_s; /* all that was brought */
    int64_t left, size;         /* of the lease; size: what was left when it was granted */
    bool brought;               /* seconds that the API does not know to be here came with a sandbox */
    bool bounded;               /* what it runs is of interest: the last answer was not FREE */
    struct {
        int64_t period, seconds, asked, told; /* asked: what the ask that is under way says; told: the API has that */
    } ran, before;                            /* what ran in the open period, and in the one before it */
    int64_t asked_s;                          /* when last; 0: never */
    int64_t seq;                              /* of the ask that is under way; 0: none */
    int64_t since;                            /* what was taken since it was made, less what was brought */
    int64_t dry_s;                            /* it runs on without a lease since this second; 0: it does not */
    bool alarmed;                             /* for longer than the cap, and that was said */
    int64_t try_s;                            /* nothing is put to sleep before this second: it could not be */
} lease;

struct dm_leases {
    dm_leases_pause_fn pause;
    dm_map by_project;
    int64_t seq, asked_s, cap_s;
    int64_t ticked_s, framed_s; /* what was looked at last */
    int64_t bounds;             /* how often bounds had changed */
    uint32_t wants;             /* that have something to ask */
    uint32_t beyond;
    bool asking;
};

int dm_leases_new(dm_leases_pause_fn pause, dm_leases **out, dm_err *err)
{
    dm_leases *l = calloc(1, sizeof(*l));
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for leases");
    l->pause = pause;
    l->cap_s = CAP_S;
    dm_map_init(&l->by_project, offsetof(lease, project), sizeof(int64_t), PROJECTS_MAX);
    *out = l;
    return 0;
}

void dm_leases_free(dm_leases *l)
{
    if (l == NULL)
        return;
    dm_map_walk walk = dm_map_begin(&l->by_project);
    for (lease *one; (one = dm_map_next(&walk)) != NULL;)
        free(one);
    dm_map_done(&l->by_project);
    free(l);
}

/* NULL without memory: such a project runs as if nothing bound it, and is asked about when there is some. */
static lease *of_project(dm_leases *l, int64_t project)
{
    lease *one = dm_map_find(&l->by_project, &project);
    if (one != NULL || dm_map_reserve(&l->by_project, "leases", NULL) < 0 || (one = calloc(1, sizeof(*one))) == NULL)
        return one;
    one->project = project;
    dm_map_add(&l->by_project, one);
    return one;
}

void dm_leases_run(void *leases, int64_t project, int by)
{
    lease *one = of_project(leases, project);
    if (one != NULL && one->running + by >= 0)
        one->running += by;
}

static void held(lease *one)
{
    if (one->state == UNKNOWN || one->state == FREE) {
        one->state = HELD;
        one->left = 0;
    }
}

void dm_leases_brought(dm_worker *w, int64_t project, int64_t seconds)
{
    lease *one = seconds > 0 ? of_project(w->leases, project) : NULL;
    if (one == NULL)
        return;
    held(one);
    one->left += seconds;
    one->brought_s += seconds;
    one->since -= seconds;
    one->brought = true;
}

/* --- counting ----------------------------------------------------------------------------------------------- */

static void ran(lease *one, int64_t period, int64_t seconds)
{
    if (one->ran.period != period) {
        one->before = one->ran;
        one->ran.period = period;
        one->ran.seconds = one->ran.asked = one->ran.told = 0;
    }
    one->ran.seconds += seconds;
}

static void take(lease *one, int64_t period)
{
    ran(one, period, 1);
    one->since++;
    if (one->state == HELD || one->state == OVER)
        one->left--;
}

/* A second that ends one life and begins the next of a sandbox is in two samples, and is one second. */
static bool counted(const dm_worker *w, const dm_sample *s, int64_t second)
{
    dm_box *b = dm_boxes_find(w->boxes, &s->sandbox);
    if (b == NULL)
        return false;
    bool was = b->counted_s == second;
    b->counted_s = second;
    return was;
}

static void count_all(dm_worker *w, int64_t second, const dm_sample *samples, uint32_t n)
{
    int64_t period = dm_period_start(second, w->at.period_s);
    for (uint32_t i = 0; i < n; i++) {
        if (samples[i].state != DM_SAMPLE_RUN || counted(w, &samples[i], second))
            continue;
        lease *one = of_project(w->leases, samples[i].project_no);
        if (one != NULL)
            take(one, period);
    }
}

/* It ran longer than its lease: because nobody could be asked, or by what a second holds more than was reckoned. */
static void run_on(dm_worker *w, lease *one, int64_t second)
{
    if (one->left >= 0 || (one->state != HELD && one->state != OVER))
        return;
    one->left = 0;
    if (one->state == OVER || one->dry_s != 0)
        return;
    one->dry_s = second;
    DM_LOG(w->h->log, DM_WARN, "lease.runs_on", dm_fi("project", one->project), dm_fi("running", one->running),
            dm_fi("cap_s", w->leases->cap_s));
}

void dm_leases_count(dm_worker *w, int64_t second, const dm_sample *samples, uint32_t n)
{
    count_all(w, second, samples, n);
    dm_map_walk walk = dm_map_begin(&w->leases->by_project);
    for (lease *one; (one = dm_map_next(&walk)) != NULL;)
        run_on(w, one, second);
}

static void recount_one(void *arg, dm_project_no project, int64_t period, int64_t seconds)
{
    const dm_worker *w = arg;
    lease *one = of_project(w->leases, project.v);
    if (one != NULL)
        ran(one, period, seconds);
}

void dm_leases_recount(dm_worker *w)
{
    if (w->usage != NULL && w->at.last_second != 0)
        dm_usage_ran(w->usage, dm_period_start(w->at.last_second, w->at.period_s), recount_one, w);
}

/* --- sleeping ----------------------------------------------------------------------------------------------- */

static int64_t unframed(const dm_worker *w)
{
    return dm_second_of(dm_worker_now_us(w)) - w->at.last_second;
}

/* What will have been taken when the second that is running has ended. */
static int64_t need(const dm_worker *w, const lease *one)
{
    int64_t seconds = unframed(w);
    return one->running * (seconds > 0 ? seconds : 1);
}

static bool pause_one(dm_worker *w, dm_box *b, dm_cause cause)
{
    dm_err err = {0};
    if (w->leases->pause(w, b, b->epoch, cause, 0, NULL, &err) == 0)
        return true;
    dm_log_err(w->h->log, DM_ERROR, "sandbox.pause_failed", &err);
    return false;
}

/* So many of it. What is nobody's takes no seconds, and is left to whoever claims it. */
static void put_to_sleep(dm_worker *w, lease *one, int64_t n)
{
    dm_map_walk walk = dm_boxes_walk(w->boxes);
    for (dm_box *b; n > 0 && (b = dm_map_next(&walk)) != NULL;) {
        if (b->admit.project_no != one->project || b->state != DM_BOX_RUNNING || dm_box_nobodys(b))
            continue;
        if (pause_one(w, b, one->cause))
            n--;
        else
            one->try_s = dm_second_of(dm_worker_now_us(w)) + TRY_S;
    }
}

/* Those that the next second does not cover any more go to sleep in this one, which is paid for. */
static void end_what_is_over(dm_worker *w, lease *one)
{
    int64_t now = dm_second_of(dm_worker_now_us(w)), left = one->left - need(w, one), runs = 0;
    if (one->state != OVER || left >= one->running || now < one->try_s || one->running == 0)
        return;
    dm_map_walk walk = dm_boxes_walk(w->boxes);
    for (const dm_box *b; (b = dm_map_next(&walk)) != NULL;) /* what falls asleep already is gone by then */
        runs += b->admit.project_no == one->project && b->state == DM_BOX_RUNNING;
    int64_t most = left > 0 ? left : 0;
    if (runs > most)
        put_to_sleep(w, one, runs - most);
}

/* --- asking ------------------------------------------------------------------------------------------------- */

static bool wants(const dm_worker *w, const lease *one, int64_t now)
{
    bool untold = one->bounded && one->before.seconds > one->before.told;
    if (one->running == 0)
        return untold || one->state == HELD || one->state == OVER || (one->bounded && one->ran.seconds > one->ran.told);
    if (untold)
        return true;
    switch (one->state) {
    case UNKNOWN:
    case OVER:
        return true;
    case FREE:
        return now - one->asked_s >= AGAIN_S;
    case HELD:
        return one->brought || one->left - need(w, one) <= one->size / 2;
    }
    return false;
}

static bool forgotten(const dm_worker *w, const lease *one)
{
    return !wants(w, one, one->asked_s) && one->running == 0 && one->seq == 0 &&
           one->ran.period != dm_period_start(w->at.last_second, w->at.period_s);
}

static void alarm_of(dm_worker *w, lease *one, int64_t now)
{
    dm_leases *l = w->leases;
    bool beyond = one->dry_s != 0 && one->running > 0 && now - one->dry_s >= l->cap_s;
    l->beyond += beyond;
    if (beyond && !one->alarmed)
        DM_LOG(w->h->log, DM_ERROR, "lease.beyond_cap", dm_fi("project", one->project), dm_fi("running", one->running),
                dm_fi("for_s", now - one->dry_s));
    one->alarmed = beyond;
}

void dm_leases_tick(dm_worker *w)
{
    dm_leases *l = w->leases;
    int64_t now = dm_second_of(dm_worker_now_us(w));
    if (now == l->ticked_s && w->at.last_second == l->framed_s)
        return;
    l->ticked_s = now;
    l->framed_s = w->at.last_second;
    l->wants = l->beyond = 0;
    dm_map_walk walk = dm_map_begin(&l->by_project);
    for (lease *one; (one = dm_map_next(&walk)) != NULL;) {
        if (forgotten(w, one)) {
            (void)dm_map_remove(&l->by_project, one);
            free(one);
            continue;
        }
        alarm_of(w, one, now);
        l->wants += wants(w, one, now);
        end_what_is_over(w, one);
    }
}

bool dm_leases_take(const dm_worker *w, int64_t project)
{
    const lease *one = dm_map_find(&w->leases->by_project, &project);
    return one == NULL || !one->alarmed;
}

bool dm_leases_want(const dm_worker *w)
{
    const dm_leases *l = w->leases;
    return l->wants > 0 && !l->asking && dm_second_of(dm_worker_now_us(w)) > l->asked_s;
}

static void ask_one(const dm_worker *w, lease *one, dm_jw *jw)
{
    if (one->running == 0)
        one->left = 0; /* it gives back what it has */
    int64_t left = one->state == HELD || one->state == OVER ? one->left : 0;
    const dm_lease_ask m = {.project_no = one->project,
            .left_s = left > 0 ? left : 0,
            .need_s = need(w, one),
            .running = one->running,
            .brought_s = one->brought_s};
    dm_lease_ask_write(jw, &m);
    one->seq = w->leases->seq;
    one->asked_s = w->leases->asked_s;
    one->since = 0;
    one->brought = false;
    one->ran.asked = one->ran.seconds;
    one->before.asked = one->before.seconds;
}

static void write_ran(const lease *one, dm_jw *jw)
{
    const dm_lease_ran now = {one->project, one->ran.period, one->ran.seconds};
    const dm_lease_ran before = {one->project, one->before.period, one->before.seconds};
    if (now.seconds > 0)
        dm_lease_ran_write(jw, &now);
    if (before.seconds > one->before.told)
        dm_lease_ran_write(jw, &before);
}

void dm_leases_ask(dm_worker *w, dm_jw *jw)
{
    dm_leases *l = w->leases;
    uint32_t n = 0;
    l->asking = true;
    l->wants = 0; /* until the next second looks again */
    l->seq++;
    l->asked_s = dm_second_of(dm_worker_now_us(w));
    dm_jw_obj(jw);
    dm_jw_ki64(jw, "boot", (int64_t)w->at.boot);
    dm_jw_ki64(jw, "seq", l->seq);
    dm_jw_key(jw, "asks");
    dm_jw_arr(jw);
    dm_map_walk walk = dm_map_begin(&l->by_project);
    for (lease *one; n < DM_LEASES_MAX / 2 && (one = dm_map_next(&walk)) != NULL;) {
        if (!wants(w, one, l->asked_s))
            continue;
        ask_one(w, one, jw);
        n++;
    }
    dm_jw_arr_end(jw);
    dm_jw_key(jw, "ran");
    dm_jw_arr(jw);
    walk = dm_map_begin(&l->by_project);
    for (lease *one; (one = dm_map_next(&walk)) != NULL;) {
        if (one->seq == l->seq)
            write_ran(one, jw);
    }
    dm_jw_arr_end(jw);
    dm_jw_end(jw);
}

/* --- being answered ----------------------------------------------------------------------------------------- */

static int granted(dm_worker *w, lease *one, const dm_lease_grant *g, dm_err *err)
{
    one->ran.told = one->ran.asked;
    one->before.told = one->before.asked;
    one->bounded = g->state != DM_LEASE_FREE;
    if (g->state == DM_LEASE_FREE || one->running == 0) {
        one->state = g->state == DM_LEASE_FREE ? FREE : UNKNOWN;
        one->left = one->dry_s = 0;
        return 0;
    }
    bool over = g->state != DM_LEASE_GRANTED, was = one->state == OVER;
    one->state = over ? OVER : HELD;
    one->left = g->left_s - one->since;
    one->left = one->left > 0 ? one->left : 0;
    one->size = one->left;
    one->dry_s = 0;
    if (!over)
        return 0;
    if (!was)
        DM_LOG(w->h->log, DM_INFO, "lease.last", dm_fi("project", one->project), dm_fi("left_s", one->left),
                dm_fi("running", one->running), dm_fs("cause", g->cause));
    return dm_cause_parse(dm_str_c(g->cause), &one->cause, err);
}

static int take_grant(dm_worker *w, const json_t *obj, dm_err *err)
{
    dm_lease_grant g;
    int r = dm_lease_grant_read(obj, &g, err);
    if (r < 0)
        return r;
    lease *one = dm_map_find(&w->leases->by_project, &g.project_no);
    if (one != NULL && one->seq == w->leases->seq) {
        r = granted(w, one, &g, err);
        one->seq = 0;
        end_what_is_over(w, one);
    }
    dm_lease_grant_done(&g);
    return r;
}

int dm_leases_heard(dm_worker *w, const json_t *answer, dm_err *err)
{
    dm_lease_grants m;
    size_t i;
    const json_t *one;
    int r = dm_lease_grants_read(answer, &m, err);
    if (r == 0) {
        w->leases->cap_s = m.cap_s;
        json_array_foreach(m.leases, i, one)
        {
            if (r == 0)
                r = take_grant(w, one, err);
        }
        dm_lease_grants_done(&m);
    }
    dm_leases_unheard(w); /* of what is still under way nothing was said */
    return r;
}

void dm_leases_unheard(dm_worker *w)
{
    dm_leases *l = w->leases;
    l->asking = false;
    dm_map_walk walk = dm_map_begin(&l->by_project);
    for (lease *one; (one = dm_map_next(&walk)) != NULL;) {
        one->brought = one->brought || one->seq != 0;
        one->seq = 0;
    }
}

void dm_leases_changed(dm_worker *w, int64_t bounds)
{
    dm_leases *l = w->leases;
    if (bounds == l->bounds)
        return;
    l->bounds = bounds;
    dm_map_walk walk = dm_map_begin(&l->by_project);
    for (lease *one; (one = dm_map_next(&walk)) != NULL;) {
        if (one->state == FREE && one->seq == 0)
            one->state = UNKNOWN;
        one->brought = true; /* a cap may be lower, too */
    }
}

uint32_t dm_leases_beyond(const dm_worker *w)
{
    return w->leases->beyond;
}
