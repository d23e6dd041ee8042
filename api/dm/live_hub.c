#include <pthread.h>
#include <stdio.h>

#include "base/cond.h"
#include "base/parse.h"

#include "api/dm/live.h"
#include "api/dm/live_read.h"
#include "api/dm/live_tail.h"
#include "api/kit/answer.h"
#include "api/kit/gate.h"

/* A round: what rows of the watched projects were written since a little before the last one (live_tail.h), then of
 * each project of which there is something new one look, then to each of its streams what of that its reader may see.
 *
 * An id of an event is a time, that of its round less the longest look back: whoever comes again with it, at whichever
 * replica, is told what was written since, some of it once more. A line says what a sandbox is and not what became of
 * it, so that does no harm. */
enum {
    ROUND_MS = 400,
    ROUND_LEAST_MS = 50, /* when somebody has joined */
    BEAT_MS = 15000,
    RECOUNT_MS = 5000, /* creates of the last minute go by without anything changing */
    GONE_MS = 2000,
    CHECK_MS = 30000, /* beside what is heard */
    EVENT_MAX = 1 << 20
};

typedef struct reader {
    struct reader *next; /* the hub's lock */
    dm_stream *stream;   /* NULL: it is not begun yet, and nobody's but its request's; the hub's lock */
    bool over;           /* the hub's thread; it goes with this round */
    dm_owner owner;
    dm_rights rights;
    char who[64], slug[65];
    dm_signed_in in;
    char *key;               /* what it came with; NULL: a session, */
    char look[DM_UUID_TEXT]; /* or an operator's look as a tenant; "": none */
    int64_t since_us;
    bool met; /* it has had its snapshot, or what it missed */
    bool doubted;
    dm_counts counts;    /* as it was told last, */
    dm_read_spend spend; /* and this; .project 0: nothing was open */
    bool restated;       /* what was open stands in a statement now */
    int64_t said_ms, gone_ms, checked_ms, counted_ms;
} reader;

struct dm_live {
    dm_api *api;
    unsigned max;
    pthread_mutex_t lock;
    pthread_cond_t more;
    reader *readers;
    unsigned n;
    bool doubt, joined, stop;
    bool threaded;
    pthread_t thread;

    /* The thread's own. */
    dm_live_told *told;
    dm_buf text;
    dm_live_tail *tail;
    bool failed; /* the round before did: it is logged once */
};

static int64_t now_ms(const dm_live *l)
{
    return dm_mono_ms(l->api->clock);
}

/* --- coming and going --------------------------------------------------------------------------------------- */

static void reader_free(reader *r)
{
    if (r->key != NULL)
        explicit_bzero(r->key, strlen(r->key));
    free(r->key);
    free(r);
}

static void take_out(dm_live *l, reader *gone)
{
    (void)pthread_mutex_lock(&l->lock);
    reader **at = &l->readers;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    l->n--;
    (void)pthread_mutex_unlock(&l->lock);
}

/* With the lock. */
static int room(const dm_live *l, const reader *r, int64_t *limit)
{
    unsigned mine = 0, projects = 0, share = l->max < DM_SHARE ? 1 : l->max / DM_SHARE;
    for (const reader *o = l->readers; o != NULL; o = o->next) {
        projects += o->owner.project.v == r->owner.project.v;
        mine += strcmp(o->who, r->who) == 0;
    }
    *limit = mine >= DM_LIVE_MINE_MAX ? DM_LIVE_MINE_MAX : share;
    return l->n >= l->max                ? DM_LIVE_FULL
           : mine >= DM_LIVE_MINE_MAX    ? DM_LIVE_MINE
           : projects >= (unsigned)share ? DM_LIVE_PROJECT
                                         : 0;
}

static int reader_new(const dm_live *l, const dm_req *req, int64_t since, reader **out, dm_err *err)
{
    const dm_session *s = dm_session_of(req);
    dm_str key = dm_req_header(req, "X-API-KEY");
    reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return dm_fail(err, DM_E_NOMEM, "a stream");
    r->owner = s->caller.owner;
    r->rights = s->caller.rights;
    r->in = s->in;
    if (s->look != NULL)
        memcpy(r->look, s->look->id, sizeof r->look);
    r->since_us = since;
    r->checked_ms = r->gone_ms = r->said_ms = now_ms(l);
    (void)snprintf(r->who, sizeof r->who, "%s", s->caller.who);
    (void)snprintf(r->slug, sizeof r->slug, "%.*s", (int)req->params[0].n, req->params[0].p);
    if (s->caller.key.v != 0 && (r->key = dm_str_dup(key)) == NULL) {
        reader_free(r);
        return dm_fail(err, DM_E_NOMEM, "a stream");
    }
    *out = r;
    return 0;
}

static int begin(dm_req *req, dm_stream **out, dm_err *err)
{
    dm_reply_text(&req->reply, 200, "text/event-stream", DM_STR("retry: 2000\n\n"));
    dm_hint(&req->reply, "Cache-Control", DM_STR("no-store, no-transform"));
    dm_hint(&req->reply, "X-Accel-Buffering", DM_STR("no")); /* that he is slow is ours to see, not the front's */
    return dm_req_stream(req, DM_LIVE_BUFFER_MAX, out, err);
}

int dm_live_join(dm_live *l, dm_req *req, int64_t since, int64_t *limit, dm_err *err)
{
    reader *one = NULL;
    dm_stream *stream = NULL;
    int r = reader_new(l, req, since, &one, err);
    if (r < 0)
        return r;
    (void)pthread_mutex_lock(&l->lock);
    r = room(l, one, limit);
    if (r == 0) {
        one->next = l->readers;
        l->readers = one;
        l->n++;
    }
    (void)pthread_mutex_unlock(&l->lock);
    if (r != 0) {
        reader_free(one);
        return r;
    }
    r = begin(req, &stream, err);
    if (r < 0) {
        take_out(l, one);
        reader_free(one);
        return r;
    }
    (void)pthread_mutex_lock(&l->lock);
    one->stream = stream;
    l->joined = true;
    (void)pthread_cond_signal(&l->more);
    (void)pthread_mutex_unlock(&l->lock);
    return 0;
}

void dm_live_doubt(dm_live *l)
{
    (void)pthread_mutex_lock(&l->lock);
    l->doubt = true;
    (void)pthread_mutex_unlock(&l->lock);
}

typedef struct looking {
    const reader *r;
    dm_lookas look;
    dm_caller *now;
} looking;

static int find_look(dm_pg *c, void *arg, dm_err *err)
{
    looking *k = arg;
    return dm_lookas_find(c, k->r->look, dm_str_c(k->r->slug), &k->look, k->now, err);
}

/* What he who came is now, by what he came with; positive: nothing. */
static int who_is(const dm_live *l, const reader *r, dm_caller *now)
{
    const dm_api *api = l->api;
    dm_signed_in in;
    if (r->key != NULL)
        return dm_auth_find(api->auth, dm_str_c(r->key), now, NULL);
    if (r->look[0] != '\0') {
        looking k = {.r = r, .now = now};
        return dm_api_tx_who(l->api, false, 0, find_look, &k, NULL);
    }
    int found = dm_sessions_find(api->sessions, r->in.session, &in, NULL);
    return found != 0 ? found : dm_members_of_project(api->members, r->in.person, dm_str_c(r->slug), now, NULL);
}

/* Whether he still may see. What cannot be asked now changes nothing. */
static bool may_still(const dm_live *l, reader *r)
{
    dm_caller now = {.rights = 0};
    int found = who_is(l, r, &now);
    if (found < 0)
        return true;
    if (found > 0 || now.owner.project.v != r->owner.project.v ||
            dm_gate_judge(&now, DM_SCOPE(DM_RIGHT_SANDBOX_READ, DM_STANDING_ANY), NULL) < 0)
        return false;
    r->rights = now.rights;
    return true;
}

static void look_after(dm_live *l, reader *r)
{
    int64_t now = now_ms(l);
    if (now - r->gone_ms >= GONE_MS) {
        r->gone_ms = now;
        r->over = dm_stream_gone(r->stream);
    }
    /* The end of a look is not heard of. */
    if (!r->over && (r->doubted || now - r->checked_ms >= (r->look[0] != '\0' ? GONE_MS : CHECK_MS))) {
        r->doubted = false;
        r->checked_ms = now;
        r->over = !may_still(l, r);
    }
}

/* --- telling ------------------------------------------------------------------------------------------------ */

static int64_t id_of(const dm_live *l)
{
    return l->tail->now_us - DM_LIVE_FAR_BACK_US;
}

static void event(dm_live *l, const char *name, dm_str json)
{
    (void)dm_live_event(&l->text, name, id_of(l), json);
}

/* What was written to text. Who has no room left has not read for long. */
static void say(dm_live *l, reader *r)
{
    static const dm_metric dropped = {
            "dm_api_live_dropped_total", DM_COUNTER, NULL, "streams whose reader did not read"};
    if (l->text.len == 0 || r->over)
        return;
    int done = dm_buf_ok(&l->text, NULL) == 0 ? dm_stream_add(r->stream, dm_buf_view(&l->text)) : DM_STREAM_FULL;
    r->said_ms = now_ms(l);
    if (done == DM_STREAM_FULL) {
        dm_metric_add(l->api->metrics, &dropped, NULL, 1);
        dm_stream_end(r->stream, true);
        r->stream = NULL;
    }
    r->over = done != 0;
}

static void tell_snapshot(dm_live *l, const reader *r)
{
    DM_AUTO_BUF json;
    dm_jw w;
    dm_buf_init(&json, EVENT_MAX);
    dm_jw_init(&w, &json);
    dm_jw_obj(&w);
    dm_live_snapshot(&w, l->told, r->rights);
    dm_jw_end(&w);
    event(l, "snapshot", dm_buf_view(&json));
}

static bool counts_differ(const dm_counts *a, const dm_counts *b)
{
    return a->running != b->running || a->asleep != b->asleep || a->changing != b->changing ||
           a->created_1m != b->created_1m;
}

/* --- one project -------------------------------------------------------------------------------------------- */

/* What its marks come to: of those that are new, and of all since the earliest that somebody missed. */
typedef struct news {
    const dm_live_mark *marks[DM_LIVE_KINDS * DM_LIVE_ROWS_MAX]; /* in the order in which they are told */
    size_t n, of[DM_LIVE_KINDS], fresh;
    bool too_many; /* of the new ones */
    bool missed_too_many;
    dm_sandbox_id ids[DM_LIVE_ROWS_MAX];
    int64_t numbers[DM_LIVE_KINDS][DM_LIVE_ROWS_MAX]; /* of refusals and alerts */
} news;

/* Which of the project's marks are wanted: fresh ones first, so that they are the last to be left out. Marks come the
 * newest first; they are told the other way round. */
static void gather(const dm_live_mark *marks, size_t n, int64_t since_us, news *out)
{
    *out = (news){.n = 0};
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < n; i++) {
            const dm_live_mark *m = &marks[i];
            bool want = pass == 0 ? m->fresh : !m->fresh && since_us != 0 && m->at_us >= since_us;
            if (!want)
                continue;
            if (out->of[m->kind] == DM_LIVE_ROWS_MAX) {
                *(pass == 0 ? &out->too_many : &out->missed_too_many) = true;
                continue;
            }
            size_t at = out->of[m->kind]++;
            if (m->kind == DM_LIVE_SANDBOX)
                out->ids[at] = m->id;
            else
                memcpy(&out->numbers[m->kind][at], m->id.b, sizeof out->numbers[0][0]);
            out->marks[out->n++] = m;
            out->fresh += pass == 0;
        }
}

static void tell_marks(dm_live *l, const reader *r, const news *w)
{
    static const char *const names[] = {"sandbox", "denial", "alert"};
    static const dm_right needs[] = {DM_RIGHT_SANDBOX_READ, DM_RIGHT_LIMIT_READ, DM_RIGHT_USAGE_READ};
    const dm_buf *const of[] = {l->told->lines, l->told->denials, l->told->alerts};
    size_t left[DM_LIVE_KINDS];
    memcpy(left, w->of, sizeof left);
    for (size_t i = w->n; i-- > 0;) {
        const dm_live_mark *m = w->marks[i];
        const dm_buf *json = &of[m->kind][--left[m->kind]];
        bool missed = !r->met && m->at_us >= r->since_us;
        if (json->len > 0 && (missed || (r->met && m->fresh)) && dm_may(r->rights, needs[m->kind]))
            event(l, names[m->kind], dm_buf_view(json));
    }
}

static bool resumes(const dm_live *l, const reader *r)
{
    return r->since_us >= l->tail->whole_from_us && r->since_us <= l->tail->now_us;
}

static void tell_one(dm_live *l, reader *r, const news *w)
{
    bool spends = dm_may(r->rights, DM_RIGHT_USAGE_READ);
    dm_buf_reset(&l->text);
    if (r->met ? w->too_many : w->too_many || w->missed_too_many || !resumes(l, r)) {
        tell_snapshot(l, r);
    } else {
        tell_marks(l, r, w);
        if (!r->met || counts_differ(&r->counts, &l->told->counts))
            event(l, "counts", dm_buf_view(&l->told->counts_json));
        if (spends && (!r->met || l->tail->closed || r->restated) && l->told->cost.len > 0)
            event(l, "cost", dm_buf_view(&l->told->cost));
    }
    if (spends && l->tail->closed && r->met) {
        char json[64], at[40];
        dm_rfc3339(l->tail->closed_through * 1000000, at);
        (void)snprintf(json, sizeof json, "{\"closed_through\":\"%s\"}", at);
        event(l, "period", dm_str_c(json));
    }
    r->met = true;
    r->restated = false;
    r->counts = l->told->counts;
    r->counted_ms = now_ms(l);
    say(l, r);
}

/* Why a project is looked at in this round; false: nothing is new. */
static bool ask_for(
        const dm_live *l, reader **of, size_t n, const dm_live_mark *marks, size_t nmarks, dm_live_asked *a, news *w)
{
    bool due = false;
    int64_t since = 0;
    for (size_t i = 0; i < n; i++) {
        const reader *r = of[i];
        bool back = !r->met && resumes(l, r);
        if (back && (since == 0 || r->since_us < since))
            since = r->since_us;
        a->whole |= !r->met && !back;
        a->cost |= !r->met || l->tail->closed || r->restated;
        due |= !r->met || l->tail->closed || r->restated ||
               (r->counts.created_1m > 0 && now_ms(l) - r->counted_ms >= RECOUNT_MS);
    }
    gather(marks, nmarks, since, w);
    w->too_many |= l->tail->torn;
    a->whole |= w->too_many || w->missed_too_many;
    a->ids = w->ids;
    a->nids = w->of[DM_LIVE_SANDBOX];
    a->denials = w->numbers[DM_LIVE_DENIAL];
    a->ndenials = w->of[DM_LIVE_DENIAL];
    a->alerts = w->numbers[DM_LIVE_ALERT];
    a->nalerts = w->of[DM_LIVE_ALERT];
    return due || w->fresh > 0 || w->too_many;
}

static int tell_project(dm_live *l, reader **of, size_t n, const dm_live_mark *marks, size_t nmarks, dm_err *err)
{
    news *w = calloc(1, sizeof *w); /* too much for a stack */
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "what is new of a project");
    dm_live_asked asked = {.owner = of[0]->owner, .now_us = l->tail->now_us};
    int r = 0;
    if (ask_for(l, of, n, marks, nmarks, &asked, w)) {
        r = dm_live_read(l->api, &asked, l->told, err);
        for (size_t i = 0; r == 0 && i < n; i++)
            tell_one(l, of[i], w);
    }
    free(w);
    return r;
}

/* --- a round ------------------------------------------------------------------------------------------------ */

static int by_owner(const void *a, const void *b)
{
    const reader *x = *(reader *const *)a, *y = *(reader *const *)b;
    return (x->owner.project.v > y->owner.project.v) - (x->owner.project.v < y->owner.project.v);
}

/* Those whose stream has begun, by project. */
static reader **listed(dm_live *l, size_t *n)
{
    (void)pthread_mutex_lock(&l->lock);
    reader **all = l->n > 0 ? calloc(l->n, sizeof(reader *)) : NULL;
    *n = 0;
    for (reader *r = l->readers; all != NULL && r != NULL; r = r->next) {
        r->doubted |= l->doubt;
        if (r->stream != NULL)
            all[(*n)++] = r;
    }
    l->doubt = l->joined = false;
    (void)pthread_mutex_unlock(&l->lock);
    if (*n > 0)
        qsort(all, *n, sizeof(reader *), by_owner);
    return all;
}

static void let_go(dm_live *l, reader **all, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        reader *r = all[i];
        if (!r->over)
            continue;
        take_out(l, r);
        dm_stream_end(r->stream, false);
        reader_free(r);
    }
}

/* The next project's: where its readers end. */
static size_t group_end(reader **all, size_t n, size_t at)
{
    size_t end = at;
    while (end < n && all[end]->owner.project.v == all[at]->owner.project.v)
        end++;
    return end;
}

static int look_for(dm_live *l, reader **all, size_t n, dm_err *err)
{
    dm_project_no *projects = calloc(n, sizeof *projects);
    size_t np = 0;
    int64_t since = 0;
    if (projects == NULL)
        return dm_fail(err, DM_E_NOMEM, "projects that are watched");
    for (size_t at = 0; at < n; at = group_end(all, n, at))
        projects[np++] = all[at]->owner.project;
    for (size_t i = 0; i < n; i++)
        if (!all[i]->met && all[i]->since_us != 0 && (since == 0 || all[i]->since_us < since))
            since = all[i]->since_us;
    int r = dm_live_look(l->tail, l->api, projects, np, since, err);
    free(projects);
    return r;
}

static int tell_all(dm_live *l, reader **all, size_t n, dm_err *err)
{
    size_t m = 0;
    int r = 0;
    for (size_t at = 0, end; at < n && r == 0; at = end) {
        int64_t project = all[at]->owner.project.v;
        end = group_end(all, n, at);
        while (m < l->tail->nmarks && l->tail->marks[m].project.v < project)
            m++;
        size_t first = m;
        while (m < l->tail->nmarks && l->tail->marks[m].project.v == project)
            m++;
        r = tell_project(l, all + at, end - at, l->tail->marks + first, m - first, err);
    }
    return r;
}

static int by_project(const void *key, const void *row)
{
    const dm_project_no *a = key;
    const dm_read_spend *b = row;
    return (a->v > b->project.v) - (a->v < b->project.v);
}

static bool spends_differ(const dm_read_spend *a, const dm_read_spend *b)
{
    return a->project.v != b->project.v || a->running != b->running || a->running_s != b->running_s ||
           strcmp(a->amount, b->amount) != 0 || strcmp(a->per_second, b->per_second) != 0;
}

/* What is open grows until a statement has it: of less, the closed part is told with the next round. */
static int tell_spend(dm_live *l, reader *r, dm_err *err)
{
    const dm_read_spend none = {.running = 0};
    const dm_read_spend *s = bsearch(&r->owner.project, l->tail->spends, l->tail->nspends, sizeof none, by_project);
    const dm_read_spend *now = s != NULL ? s : &none;
    if (!spends_differ(now, &r->spend))
        return 0;
    DM_AUTO_BUF json;
    dm_buf_init(&json, EVENT_MAX);
    int done = dm_live_spend(&json, s, err);
    if (done < 0)
        return done;
    dm_buf_reset(&l->text);
    event(l, "spend", dm_buf_view(&json));
    r->restated |= now->running_s < r->spend.running_s || s == NULL;
    r->spend = *now;
    say(l, r);
    return 0;
}

static int tell_spends(dm_live *l, reader **all, size_t n, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        if (all[i]->met && !all[i]->over && dm_may(all[i]->rights, DM_RIGHT_USAGE_READ))
            r = tell_spend(l, all[i], err);
    return r;
}

/* Only what was read lately is vouched for. */
static void beat(dm_live *l, reader **all, size_t n)
{
    char json[64], at[40];
    int64_t now = now_ms(l);
    dm_rfc3339(l->tail->now_us, at);
    (void)snprintf(json, sizeof json, "{\"as_of\":\"%s\"}", at);
    dm_buf_reset(&l->text);
    event(l, "beat", dm_str_c(json));
    for (size_t i = 0; i < n; i++)
        if (all[i]->met && now - all[i]->said_ms >= BEAT_MS)
            say(l, all[i]);
}

void dm_live_round(dm_live *l)
{
    static const dm_metric streams = {"dm_api_live_streams", DM_GAUGE, NULL, "streams of what changes in a project"};
    dm_err err = {0};
    size_t n;
    reader **all = listed(l, &n);
    for (size_t i = 0; i < n; i++)
        look_after(l, all[i]);
    let_go(l, all, n);
    free(all);
    all = listed(l, &n);
    int r = n > 0 ? look_for(l, all, n, &err) : 0;
    if (r == 0 && n > 0)
        r = tell_all(l, all, n, &err);
    if (r == 0 && n > 0)
        r = tell_spends(l, all, n, &err);
    if (r == 0 && n > 0)
        beat(l, all, n);
    if (r < 0 && !l->failed)
        dm_log_err(l->api->log, DM_WARN, "live.not_read", &err);
    l->failed = r < 0;
    if (r < 0 || n == 0)
        dm_live_forget(l->tail, n == 0);
    let_go(l, all, n);
    free(all);
    dm_metric_set(l->api->metrics, &streams, NULL, (int64_t)n);
}

/* --- made and unmade ---------------------------------------------------------------------------------------- */

static void *run(void *arg)
{
    dm_live *l = arg;
    int64_t next = 0;
    (void)pthread_mutex_lock(&l->lock);
    while (!l->stop) {
        int64_t now = now_ms(l);
        if (l->readers == NULL) {
            (void)pthread_cond_wait(&l->more, &l->lock);
        } else if (now < next - (l->joined ? ROUND_MS - ROUND_LEAST_MS : 0)) {
            dm_cond_wait_until(&l->more, &l->lock, next - (l->joined ? ROUND_MS - ROUND_LEAST_MS : 0));
        } else {
            (void)pthread_mutex_unlock(&l->lock);
            dm_live_round(l);
            (void)pthread_mutex_lock(&l->lock);
            next = now_ms(l) + ROUND_MS;
        }
    }
    (void)pthread_mutex_unlock(&l->lock);
    return NULL;
}

int dm_live_new(dm_api *api, unsigned max, bool threaded, dm_live **out, dm_err *err)
{
    DM_AUTO(dm_live) l = calloc(1, sizeof *l);
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "streams");
    l->api = api;
    l->max = max;
    (void)pthread_mutex_init(&l->lock, NULL);
    dm_cond_init(&l->more);
    dm_buf_init(&l->text, DM_LIVE_BUFFER_MAX);
    l->told = dm_live_told_new(err);
    l->tail = dm_live_tail_new(err);
    if (l->told == NULL || l->tail == NULL)
        return DM_E_NOMEM;
    if (threaded && pthread_create(&l->thread, NULL, run, l) != 0)
        return dm_fail(err, DM_E_NOMEM, "thread of streams");
    l->threaded = threaded;
    *out = dm_steal(&l);
    return 0;
}

void dm_live_free(dm_live *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_lock(&l->lock);
    l->stop = true;
    (void)pthread_cond_signal(&l->more);
    (void)pthread_mutex_unlock(&l->lock);
    if (l->threaded)
        (void)pthread_join(l->thread, NULL);
    for (reader *r = l->readers, *next; r != NULL; r = next) {
        next = r->next;
        dm_stream_end(r->stream, false);
        reader_free(r);
    }
    dm_live_told_free(l->told);
    dm_live_tail_free(l->tail);
    dm_buf_done(&l->text);
    (void)pthread_mutex_destroy(&l->lock);
    (void)pthread_cond_destroy(&l->more);
    free(l);
}
