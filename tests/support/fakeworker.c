#include "tests/support/fakeworker.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/parse.h"

enum { HELD_MAX = 8192, AWAIT_S = 10 };

static const char *const verbs[] = {
        "start", "resume", "pause", "kill", "deadline", "usage", "look", "claim", "copy", "release"};
enum { START, RESUME, PAUSE, KILL, DEADLINE, USAGE, LOOK, CLAIM, COPY, RELEASE, VERBS };

typedef struct held {
    char id[32];
    char from[64]; /* the checkpoint it started from; "": none */
    int64_t epoch, end_us, over;
    bool running, asleep, claimed;
} held;

struct dm_fakeworker {
    dm_http *http;
    dm_http_config config;
    char socket[108];
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of what follows: another order has come, or some are released */
    bool hold[VERBS];
    unsigned count[VERBS];
    int refuse_status[VERBS];
    unsigned refuse_left[VERBS], garble_left[VERBS], mute_left;
    bool drained;
    held held[HELD_MAX];
    size_t nheld;
    json_t *last;
};

static unsigned verb_no(const char *verb)
{
    for (unsigned i = 0; i < VERBS; i++)
        if (strcmp(verb, verbs[i]) == 0)
            return i;
    abort();
}

static held *find(dm_fakeworker *f, dm_str id)
{
    for (size_t i = 0; i < f->nheld; i++)
        if (dm_str_eq_c(id, f->held[i].id))
            return &f->held[i];
    return NULL;
}

static int64_t now_us(void)
{
    return dm_wall_us(&dm_clock_real);
}

static int no_because(dm_req *req, int status, const char *message, const char *cause)
{
    dm_jw w = dm_reply_json(&req->reply, status);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", status);
    dm_jw_kc(&w, "message", message);
    if (cause != NULL)
        dm_jw_kc(&w, "cause", cause);
    dm_jw_end(&w);
    return 0;
}

static int no(dm_req *req, int status, const char *message)
{
    return no_because(req, status, message, NULL);
}

/* Counts, waits and refuses as told; true: it has answered. Takes the lock. */
static bool begin(dm_fakeworker *f, dm_req *req, unsigned verb)
{
    (void)pthread_mutex_lock(&f->lock);
    f->count[verb]++;
    bool refuse = f->refuse_left[verb] > 0;
    int status = f->refuse_status[verb];
    f->refuse_left[verb] -= refuse;
    (void)pthread_cond_broadcast(&f->changed);
    while (f->hold[verb])
        (void)pthread_cond_wait(&f->changed, &f->lock);
    if (refuse) {
        (void)pthread_mutex_unlock(&f->lock);
        (void)no(req, status, "told to refuse");
    }
    return refuse;
}

static int end(dm_fakeworker *f, int r)
{
    (void)pthread_mutex_unlock(&f->lock);
    return r;
}

/* The order was carried out; the answer may still come out wrong. */
static int answer(dm_fakeworker *f, dm_req *req, unsigned verb, int r)
{
    (void)pthread_mutex_lock(&f->lock);
    bool garble = f->garble_left[verb] > 0;
    f->garble_left[verb] -= garble;
    (void)pthread_mutex_unlock(&f->lock);
    if (garble) {
        dm_buf_reset(&req->reply.body);
        dm_reply_text(&req->reply, 200, "application/json", DM_STR("{\"epoch\":"));
    }
    return r;
}

static int admit(dm_req *req, dm_fakeworker *f, unsigned verb, dm_err *err)
{
    json_t *obj = NULL;
    dm_wk_admit m;
    int r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    if (r == 0)
        r = dm_wk_admit_read(obj, &m, err);
    if (r < 0) {
        json_decref(obj);
        return r;
    }
    if (begin(f, req, verb)) {
        dm_wk_admit_done(&m);
        json_decref(obj);
        return 0;
    }
    json_decref(f->last);
    f->last = obj;
    held *h = find(f, dm_str_c(m.sandbox));
    if (verb == START && h == NULL && f->nheld < HELD_MAX) {
        h = &f->held[f->nheld++];
        (void)snprintf(h->id, sizeof h->id, "%s", m.sandbox);
        (void)snprintf(h->from, sizeof h->from, "%s", m.checkpoint != NULL ? m.checkpoint : "");
    }
    if (h == NULL || (verb == RESUME && !h->asleep)) {
        r = no(req, 404, "not held");
    } else if (m.epoch <= h->epoch || m.epoch <= h->over) {
        r = no(req, 409, "older epoch");
    } else if (f->drained) {
        r = no_because(req, 503, "it is being drained", verb == RESUME ? "operator_drained" : NULL);
    } else if (verb == RESUME && f->mute_left > 0) {
        f->mute_left--;
        h->epoch = m.epoch;
        r = no_because(req, 504, "its guest did not answer", "wake_unanswered");
    } else {
        h->epoch = m.epoch;
        h->end_us = now_us() + m.timeout_us;
        h->over = 0;
        h->running = true;
        h->asleep = h->claimed = false;
        dm_wk_started s = {.epoch = h->epoch,
                .started_us = now_us(),
                .end_us = h->end_us,
                .address = (char[]){"10.77.0.2"},
                .pooled = true};
        dm_jw w = dm_reply_json(&req->reply, 201);
        dm_wk_started_write(&w, &s);
    }
    dm_wk_admit_done(&m);
    return end(f, r);
}

static int start(dm_req *req, void *ctx, dm_err *err)
{
    return answer(ctx, req, START, admit(req, ctx, START, err));
}

static int resume(dm_req *req, void *ctx, dm_err *err)
{
    return answer(ctx, req, RESUME, admit(req, ctx, RESUME, err));
}

static int stop(dm_req *req, dm_fakeworker *f, unsigned verb, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    dm_wk_stop m;
    int r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    if (r == 0)
        r = dm_wk_stop_read(obj, &m, err);
    if (r < 0)
        return r;
    if (begin(f, req, verb)) {
        dm_wk_stop_done(&m);
        return 0;
    }
    held *h = find(f, req->params[0]);
    if (h == NULL || (!h->running && !h->asleep)) {
        r = no(req, 404, "not held");
    } else if (m.epoch < h->epoch) {
        r = no(req, 409, "older epoch");
    } else if (verb == PAUSE && m.room_mib > 0 && m.room_mib < DM_FAKE_IMAGE_MIB) {
        r = no(req, 429, "no room");
    } else {
        h->running = false;
        h->asleep = verb == PAUSE;
        dm_wk_stopped s = {.epoch = h->epoch,
                .at_us = now_us(),
                .state = h->asleep ? (char[]){"asleep"} : (char[]){"ended"},
                .cause = m.cause,
                .image_mib = h->asleep ? DM_FAKE_IMAGE_MIB : 0};
        dm_jw w = dm_reply_json(&req->reply, 200);
        dm_wk_stopped_write(&w, &s);
    }
    dm_wk_stop_done(&m);
    return end(f, r);
}

static int pause_one(dm_req *req, void *ctx, dm_err *err)
{
    return answer(ctx, req, PAUSE, stop(req, ctx, PAUSE, err));
}

static int kill_one(dm_req *req, void *ctx, dm_err *err)
{
    return answer(ctx, req, KILL, stop(req, ctx, KILL, err));
}

static int deadline(dm_req *req, void *ctx, dm_err *err)
{
    dm_fakeworker *f = ctx;
    DM_AUTO(json_t) obj = NULL;
    dm_wk_deadline m;
    int r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    if (r == 0)
        r = dm_wk_deadline_read(obj, &m, err);
    if (r < 0)
        return r;
    if (begin(f, req, DEADLINE))
        return 0;
    held *h = find(f, req->params[0]);
    if (h == NULL || !h->running)
        return end(f, no(req, 404, "not held"));
    h->end_us = m.end_us;
    dm_reply_text(&req->reply, 200, "application/json", DM_STR("{}"));
    return answer(f, req, DEADLINE, end(f, 0));
}

static int usage(dm_req *req, void *ctx, dm_err *err)
{
    dm_fakeworker *f = ctx;
    (void)err;
    if (begin(f, req, USAGE))
        return 0;
    held *h = find(f, req->params[0]);
    if (h == NULL || !h->running)
        return end(f, no(req, 409, "not running"));
    const dm_wk_usage u = {.second = now_us() / 1000000,
            .cpu_used_us = 123456,
            .mem_used_mib = 100,
            .mem_total_mib = 256,
            .mem_cache_mib = 10,
            .disk_used_mib = 50,
            .disk_total_mib = 1024};
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_wk_usage_write(&w, &u);
    return end(f, 0);
}

static int look(dm_req *req, void *ctx, dm_err *err)
{
    dm_fakeworker *f = ctx;
    (void)err;
    if (begin(f, req, LOOK))
        return 0;
    held *h = find(f, req->params[0]);
    uint64_t over = 0;
    if (h == NULL)
        return end(f, no(req, 404, "not held"));
    if (dm_parse_u64(dm_req_query(req, "over"), 0, INT32_MAX, &over, NULL) < 0)
        return end(f, no(req, 400, "over"));
    h->over = (int64_t)over;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_wk_seen_write(&w, &(dm_wk_seen){.epoch = h->epoch,
                                 .state = h->asleep ? (char[]){"asleep"} : (char[]){"running"},
                                 .cause = h->asleep ? (char[]){"paused"} : (char[]){""},
                                 .started_us = h->asleep ? 0 : 1,
                                 .end_us = h->end_us,
                                 .address = h->asleep ? (char[]){""} : (char[]){"10.77.0.2"}});
    return answer(f, req, LOOK, end(f, 0));
}

static int claim(dm_req *req, void *ctx, dm_err *err)
{
    dm_fakeworker *f = ctx;
    DM_AUTO(json_t) obj = NULL;
    int r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    if (r < 0)
        return r;
    if (begin(f, req, CLAIM))
        return 0;
    size_t i;
    const json_t *one;
    json_array_foreach(json_object_get(obj, "claims"), i, one)
    {
        dm_wk_claim m;
        if (dm_wk_claim_read(one, &m, err) < 0)
            return end(f, no(req, 400, "no claim"));
        held *h = find(f, dm_str_c(m.sandbox));
        if (h != NULL && h->epoch == m.epoch)
            h->claimed = true;
        dm_wk_claim_done(&m);
    }
    dm_reply_text(&req->reply, 200, "application/json", DM_STR("{}"));
    return answer(f, req, CLAIM, end(f, 0));
}

/* What a start names is not looked for: a test asks what was admitted. */
static int copy(dm_req *req, void *ctx, dm_err *err)
{
    dm_fakeworker *f = ctx;
    DM_AUTO(json_t) obj = NULL;
    dm_wk_copy m;
    int r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    if (r == 0)
        r = dm_wk_copy_read(obj, &m, err);
    if (r < 0)
        return r;
    if (begin(f, req, COPY)) {
        dm_wk_copy_done(&m);
        return 0;
    }
    held *h = find(f, req->params[0]);
    if (h == NULL || (!h->running && !h->asleep)) {
        r = no(req, 404, "not held");
    } else if (m.epoch != h->epoch || !h->running) {
        r = no(req, 409, "not running");
    } else {
        const dm_wk_copied out = {.name = m.name, .at_us = now_us(), .image_mib = DM_FAKE_IMAGE_MIB, .unique_mib = 1};
        dm_jw w = dm_reply_json(&req->reply, 200);
        dm_wk_copied_write(&w, &out);
    }
    dm_wk_copy_done(&m);
    return answer(f, req, COPY, end(f, r));
}

/* What starts from a checkpoint stands on it until it ends. */
static int release(dm_req *req, void *ctx, dm_err *err)
{
    dm_fakeworker *f = ctx;
    bool unused = dm_str_eq_c(dm_req_query(req, "unused"), "1");
    bool used = false;
    (void)err;
    if (begin(f, req, RELEASE))
        return 0;
    for (size_t i = 0; i < f->nheld; i++)
        used = used || ((f->held[i].running || f->held[i].asleep) && dm_str_eq_c(req->params[0], f->held[i].from));
    const dm_wk_released out = {.used = unused && used};
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_wk_released_write(&w, &out);
    return answer(f, req, RELEASE, end(f, 0));
}

static const dm_route routes[] = {
        {"POST", "/v1/sandboxes", 0, DM_WK_BODY_MAX, start},
        {"POST", "/v1/sandboxes/{id}/resume", 0, DM_WK_BODY_MAX, resume},
        {"POST", "/v1/sandboxes/{id}/pause", 0, DM_WK_BODY_MAX, pause_one},
        {"POST", "/v1/sandboxes/{id}/kill", 0, DM_WK_BODY_MAX, kill_one},
        {"POST", "/v1/sandboxes/{id}/copy", 0, DM_WK_BODY_MAX, copy},
        {"POST", "/v1/checkpoints/{name}/release", 0, 0, release},
        {"POST", "/v1/sandboxes/{id}/deadline", 0, DM_WK_BODY_MAX, deadline},
        {"GET", "/v1/sandboxes/{id}", 0, 0, look},
        {"GET", "/v1/sandboxes/{id}/usage", 0, 0, usage},
        {"POST", "/v1/claims", 0, DM_WK_BODY_MAX, claim},
};

int dm_fakeworker_start(const char *socket, dm_fakeworker **out, dm_err *err)
{
    dm_fakeworker *f = calloc(1, sizeof *f);
    if (f == NULL)
        return dm_fail(err, DM_E_NOMEM, "fake worker");
    (void)snprintf(f->socket, sizeof f->socket, "%s", socket);
    f->config = (dm_http_config){.unix_path = f->socket,
            .threads = 1,
            .connections_max = 128,
            .idle_s = 60,
            .exec_threads = 16,
            .exec_queue_max = 256,
            .routes = routes,
            .nroutes = DM_LEN(routes),
            .ctx = f,
            .clock = &dm_clock_real};
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    int r = dm_http_new(&f->config, &f->http, err);
    if (r < 0)
        dm_fakeworker_free(f);
    else
        *out = f;
    return r;
}

void dm_fakeworker_free(dm_fakeworker *f)
{
    if (f == NULL)
        return;
    for (unsigned i = 0; i < VERBS; i++)
        dm_fakeworker_release(f, verbs[i]);
    if (f->http != NULL)
        dm_http_stop(f->http, 1000);
    dm_http_free(f->http);
    json_decref(f->last);
    (void)pthread_cond_destroy(&f->changed);
    (void)pthread_mutex_destroy(&f->lock);
    free(f);
}

void dm_fakeworker_refuse(dm_fakeworker *f, const char *verb, int status, unsigned n)
{
    (void)pthread_mutex_lock(&f->lock);
    f->refuse_status[verb_no(verb)] = status;
    f->refuse_left[verb_no(verb)] = n;
    (void)pthread_mutex_unlock(&f->lock);
}

void dm_fakeworker_drain(dm_fakeworker *f, bool drained)
{
    (void)pthread_mutex_lock(&f->lock);
    f->drained = drained;
    (void)pthread_mutex_unlock(&f->lock);
}

void dm_fakeworker_mute(dm_fakeworker *f, unsigned n)
{
    (void)pthread_mutex_lock(&f->lock);
    f->mute_left = n;
    (void)pthread_mutex_unlock(&f->lock);
}

void dm_fakeworker_garble(dm_fakeworker *f, const char *verb, unsigned n)
{
    (void)pthread_mutex_lock(&f->lock);
    f->garble_left[verb_no(verb)] = n;
    (void)pthread_mutex_unlock(&f->lock);
}

void dm_fakeworker_away(dm_fakeworker *f, bool away)
{
    if (away) {
        dm_http_stop(f->http, 1000);
        dm_http_free(f->http);
        f->http = NULL;
    } else if (dm_http_new(&f->config, &f->http, NULL) < 0) {
        abort();
    }
}

static void set_hold(dm_fakeworker *f, const char *verb, bool hold)
{
    (void)pthread_mutex_lock(&f->lock);
    f->hold[verb_no(verb)] = hold;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

void dm_fakeworker_hold(dm_fakeworker *f, const char *verb)
{
    set_hold(f, verb, true);
}

void dm_fakeworker_release(dm_fakeworker *f, const char *verb)
{
    set_hold(f, verb, false);
}

bool dm_fakeworker_await(dm_fakeworker *f, const char *verb, unsigned n)
{
    const unsigned *count = &f->count[verb_no(verb)];
    struct timespec until;
    int late = 0;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += AWAIT_S;
    (void)pthread_mutex_lock(&f->lock);
    while (*count < n && late == 0)
        late = pthread_cond_timedwait(&f->changed, &f->lock, &until);
    bool come = *count >= n;
    (void)pthread_mutex_unlock(&f->lock);
    return come;
}

unsigned dm_fakeworker_count(dm_fakeworker *f, const char *verb)
{
    (void)pthread_mutex_lock(&f->lock);
    unsigned n = f->count[verb_no(verb)];
    (void)pthread_mutex_unlock(&f->lock);
    return n;
}

const char *dm_fakeworker_state(dm_fakeworker *f, const char *sandbox, int64_t *epoch, int64_t *end_us)
{
    (void)pthread_mutex_lock(&f->lock);
    const held *h = find(f, dm_str_c(sandbox));
    const char *state = h == NULL ? "" : h->running ? "running" : h->asleep ? "asleep" : "";
    if (h != NULL && epoch != NULL)
        *epoch = h->epoch;
    if (h != NULL && end_us != NULL)
        *end_us = h->end_us;
    (void)pthread_mutex_unlock(&f->lock);
    return state;
}

void dm_fakeworker_admitted(dm_fakeworker *f, const char *member, char *out, size_t cap)
{
    (void)pthread_mutex_lock(&f->lock);
    char *text = json_dumps(json_object_get(f->last, member), JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    (void)snprintf(out, cap, "%s", text != NULL ? text : "");
    free(text);
    (void)pthread_mutex_unlock(&f->lock);
}

bool dm_fakeworker_claimed(dm_fakeworker *f, const char *sandbox)
{
    (void)pthread_mutex_lock(&f->lock);
    const held *h = find(f, dm_str_c(sandbox));
    bool claimed = h != NULL && h->claimed;
    (void)pthread_mutex_unlock(&f->lock);
    return claimed;
}
