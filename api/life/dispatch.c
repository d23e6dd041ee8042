#include "api/life/dispatch.h"

#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "base/file.h"
#include "base/httpc.h"
#include "base/map.h"
#include "base/wire/denial.h"

enum { CONNECT_MS = 2000, AGAIN_MS = 100, PATH_LEN = 96, SOCKET_LEN = 108 };

/* A worker that has a socket of its own. */
typedef struct peer {
    uint64_t no;
    dm_httpc_pool *pool;
} peer;

struct dm_dispatch {
    char *socket;
    unsigned connections, timeout_ms;
    int64_t wait_us;
    const dm_clock *clock;
    dm_httpc_pool *one; /* NULL: each worker has its own */
    pthread_mutex_t lock;
    dm_map peers;
};

static const char mark[] = "{no}";

static int pool_new(const dm_dispatch *w, const char *path, dm_httpc_pool **out, dm_err *err)
{
    const dm_httpc_config http = {.base = "http://worker", .unix_path = path, .connect_ms = CONNECT_MS};
    return dm_httpc_pool_new(&http, w->connections, out, err);
}

int dm_dispatch_new(const dm_dispatch_config *config, dm_dispatch **out, dm_err *err)
{
    DM_AUTO(dm_dispatch) w = calloc(1, sizeof *w);
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "worker client");
    (void)pthread_mutex_init(&w->lock, NULL);
    dm_map_init(&w->peers, offsetof(peer, no), sizeof(uint64_t), DM_DISPATCH_WORKERS_MAX);
    w->socket = dm_str_dup(dm_str_c(config->socket));
    w->connections = config->connections;
    w->timeout_ms = config->timeout_ms;
    w->wait_us = (int64_t)config->wait_ms * 1000;
    w->clock = config->clock;
    if (w->socket == NULL)
        return dm_fail(err, DM_E_NOMEM, "worker client");
    int r = strstr(w->socket, mark) == NULL ? pool_new(w, w->socket, &w->one, err) : 0;
    if (r == 0)
        *out = dm_steal(&w);
    return r;
}

void dm_dispatch_free(dm_dispatch *w)
{
    if (w == NULL)
        return;
    dm_map_walk walk = dm_map_begin(&w->peers);
    for (peer *p; (p = dm_map_next(&walk)) != NULL;) {
        dm_httpc_pool_free(p->pool);
        free(p);
    }
    dm_map_done(&w->peers);
    dm_httpc_pool_free(w->one);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->socket);
    free(w);
}

/* --- whom to ask -------------------------------------------------------------------------------------------- */

static int peer_new(dm_dispatch *w, dm_worker_no to, dm_httpc_pool **out, dm_err *err)
{
    char path[SOCKET_LEN];
    const char *at = strstr(w->socket, mark);
    int r = dm_map_reserve(&w->peers, "workers", err);
    if (r == 0)
        r = dm_path(path, sizeof path, err, "%.*s%llu%s", (int)(at - w->socket), w->socket, (unsigned long long)to.v,
                at + sizeof mark - 1);
    if (r < 0)
        return r;
    peer *p = calloc(1, sizeof *p);
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "worker client");
    p->no = to.v;
    r = pool_new(w, path, &p->pool, err);
    if (r < 0) {
        free(p);
        return r;
    }
    dm_map_add(&w->peers, p);
    *out = p->pool;
    return 0;
}

static int pool_of(dm_dispatch *w, dm_worker_no to, dm_httpc_pool **out, dm_err *err)
{
    *out = w->one;
    if (w->one != NULL)
        return 0;
    (void)pthread_mutex_lock(&w->lock);
    const peer *p = dm_map_find(&w->peers, &to.v);
    int r = 0;
    if (p != NULL)
        *out = p->pool;
    else
        r = peer_new(w, to, out, err);
    (void)pthread_mutex_unlock(&w->lock);
    return r;
}

/* --- an exchange -------------------------------------------------------------------------------------------- */

typedef struct ask {
    dm_worker_no to;
    const char *method;
    const char *path; /* NULL: of the sandbox */
    const char *verb; /* behind it: "/kill", "?over=2" */
    const dm_sandbox_id *id;
    dm_str body;
} ask;

static int send(dm_dispatch *w, const ask *a, int *status, dm_buf *answer, dm_err *err)
{
    char path[PATH_LEN];
    int64_t until = dm_mono_us(w->clock) + w->wait_us;
    int r = a->path != NULL
                    ? dm_path(path, sizeof path, err, "%s", a->path)
                    : dm_path(path, sizeof path, err, "/v1/sandboxes/%s%s", dm_sandbox_name_of(a->id).s, a->verb);
    dm_httpc_pool *pool = NULL;
    if (r == 0)
        r = pool_of(w, a->to, &pool, err);
    if (r < 0)
        return r;
    for (;;) {
        dm_buf_reset(answer);
        r = dm_httpc_pool_call(pool, a->method, path, a->body, w->timeout_ms, status, answer, err);
        if (r != DM_E_UNAVAILABLE || dm_mono_us(w->clock) >= until)
            return r < 0 ? dm_wrap(err, "worker") : 0;
        (void)nanosleep(&(struct timespec){.tv_nsec = AGAIN_MS * 1000000L}, NULL);
    }
}

static void read_refusal(dm_dispatch_no *no, int status, const json_t *body)
{
    const char *message = dm_json_c(body, "message");
    const char *cause = dm_json_c(body, "cause");
    const json_t *denial = json_object_get(body, "denial");
    *no = (dm_dispatch_no){.status = status};
    (void)snprintf(no->message, sizeof no->message, "%s", message != NULL ? message : "no reason given");
    if (cause != NULL && dm_cause_parse(dm_str_c(cause), &no->cause, NULL) < 0)
        no->cause = DM_CAUSE_NONE;
    dm_denial d;
    if (denial != NULL && dm_denial_read(denial, &d, NULL) == 0) {
        DM_AUTO_BUF text;
        dm_jw j;
        dm_buf_init(&text, sizeof no->denial - 1);
        dm_jw_init(&j, &text);
        dm_denial_write(&j, &d);
        if (dm_buf_ok(&text, NULL) == 0)
            (void)snprintf(no->denial, sizeof no->denial, "%s", text.p);
    }
}

/* 0 and the answer's object; DM_DISPATCH_REFUSED. */
static int exchange(dm_dispatch *w, const ask *a, json_t **out, dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO_BUF answer;
    DM_AUTO(json_t) body = NULL;
    int status = 0;
    dm_buf_init(&answer, DM_WK_BODY_MAX);
    int r = send(w, a, &status, &answer, err);
    if (r < 0)
        return r;
    bool ok = status >= 200 && status < 300;
    r = dm_json_load(dm_buf_view(&answer), DM_WK_BODY_MAX, &body, err);
    if (r < 0 && ok)
        return dm_fail(err, DM_E_PROTO, "worker: %d without a JSON body", status);
    if (!ok) {
        read_refusal(no, status, body);
        return DM_DISPATCH_REFUSED;
    }
    *out = dm_steal(&body);
    return 0;
}

/* A field it should not have sent is the worker's fault, not our caller's. */
static int decoded(int r, dm_err *err)
{
    if (r >= 0)
        return r;
    if (err != NULL)
        err->code = DM_E_PROTO;
    return dm_wrap(err, "worker's answer");
}

/* --- the orders --------------------------------------------------------------------------------------------- */

int dm_dispatch_admit(dm_dispatch *w, dm_worker_no to, const dm_wk_admit *m, bool resume, dm_wk_started *out,
        dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) body = NULL;
    dm_sandbox_id id;
    dm_jw j;
    dm_buf_init(&text, DM_WK_BODY_MAX);
    int r = dm_sandbox_id_parse(dm_str_c(m->sandbox), &id, err);
    if (r < 0)
        return r;
    dm_jw_init(&j, &text);
    dm_wk_admit_write(&j, m);
    r = dm_buf_ok(&text, err);
    if (r < 0)
        return r;
    const ask a = {.to = to,
            .method = "POST",
            .path = resume ? NULL : "/v1/sandboxes",
            .verb = "/resume",
            .id = &id,
            .body = dm_buf_view(&text)};
    r = exchange(w, &a, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_started_read(body, out, err), err);
}

/* An order about a sandbox: what was written, to this verb of its worker's. */
static int order(dm_dispatch *w, dm_worker_no to, const char *verb, const dm_sandbox_id *id, const dm_buf *text,
        json_t **body, dm_dispatch_no *no, dm_err *err)
{
    int r = dm_buf_ok(text, err);
    const ask a = {.to = to, .method = "POST", .verb = verb, .id = id, .body = dm_buf_view(text)};
    return r < 0 ? r : exchange(w, &a, body, no, err);
}

static int stop(dm_dispatch *w, dm_worker_no to, const char *verb, const dm_sandbox_id *id, int64_t epoch,
        dm_cause cause, int64_t room_mib, dm_wk_stopped *out, dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) body = NULL;
    dm_jw j;
    dm_buf_init(&text, 1024);
    dm_jw_init(&j, &text);
    dm_jw_obj(&j);
    dm_jw_ki64(&j, "epoch", epoch);
    dm_jw_kc(&j, "cause", dm_cause_get(cause)->name);
    if (room_mib > 0)
        dm_jw_ki64(&j, "room_mib", room_mib);
    dm_jw_end(&j);
    int r = order(w, to, verb, id, &text, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_stopped_read(body, out, err), err);
}

int dm_dispatch_pause(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, int64_t epoch, dm_cause cause,
        int64_t room_mib, dm_wk_stopped *out, dm_dispatch_no *no, dm_err *err)
{
    return stop(w, to, "/pause", id, epoch, cause, room_mib, out, no, err);
}

int dm_dispatch_kill(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, int64_t epoch, dm_cause cause,
        dm_wk_stopped *out, dm_dispatch_no *no, dm_err *err)
{
    return stop(w, to, "/kill", id, epoch, cause, 0, out, no, err);
}

int dm_dispatch_deadline(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, const dm_wk_deadline *m,
        dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) body = NULL;
    dm_jw j;
    dm_buf_init(&text, 1024);
    dm_jw_init(&j, &text);
    dm_wk_deadline_write(&j, m);
    return order(w, to, "/deadline", id, &text, &body, no, err);
}

int dm_dispatch_copy(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, const dm_wk_copy *m, dm_wk_copied *out,
        dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) body = NULL;
    dm_jw j;
    dm_buf_init(&text, 1024);
    dm_jw_init(&j, &text);
    dm_wk_copy_write(&j, m);
    int r = order(w, to, "/copy", id, &text, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_copied_read(body, out, err), err);
}

int dm_dispatch_release(dm_dispatch *w, dm_worker_no to, const char *checkpoint, bool unused, dm_wk_released *out,
        dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO(json_t) body = NULL;
    char path[PATH_LEN];
    int r = dm_path(path, sizeof path, err, "/v1/checkpoints/%s/release%s", checkpoint, unused ? "?unused=1" : "");
    const ask a = {.to = to, .method = "POST", .path = path, .body = {NULL, 0}};
    if (r == 0)
        r = exchange(w, &a, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_released_read(body, out, err), err);
}

int dm_dispatch_look(dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, int64_t over, dm_wk_seen *out,
        dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO(json_t) body = NULL;
    char query[32];
    (void)snprintf(query, sizeof query, "?over=%lld", (long long)over);
    const ask a = {.to = to, .method = "GET", .verb = query, .id = id, .body = {NULL, 0}};
    int r = exchange(w, &a, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_seen_read(body, out, err), err);
}

int dm_dispatch_claim(
        dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *ids, size_t n, dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) body = NULL;
    dm_jw j;
    dm_buf_init(&text, DM_WK_BODY_MAX);
    dm_jw_init(&j, &text);
    dm_jw_obj(&j);
    dm_jw_key(&j, "claims");
    dm_jw_arr(&j);
    for (size_t i = 0; i < n; i++) {
        dm_sandbox_name name = dm_sandbox_name_of(&ids[i]);
        dm_wk_claim_write(&j, &(dm_wk_claim){.sandbox = name.s, .epoch = 1});
    }
    dm_jw_arr_end(&j);
    dm_jw_end(&j);
    int r = dm_buf_ok(&text, err);
    if (r < 0)
        return r;
    const ask a = {.to = to, .method = "POST", .path = "/v1/claims", .body = dm_buf_view(&text)};
    return exchange(w, &a, &body, no, err);
}

int dm_dispatch_usage(
        dm_dispatch *w, dm_worker_no to, const dm_sandbox_id *id, dm_wk_usage *out, dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO(json_t) body = NULL;
    const ask a = {.to = to, .method = "GET", .verb = "/usage", .id = id, .body = {NULL, 0}};
    int r = exchange(w, &a, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_usage_read(body, out, err), err);
}
