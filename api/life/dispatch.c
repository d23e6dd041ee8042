#include "api/life/dispatch.h"

#include <stdio.h>
#include <time.h>

#include "base/file.h"
#include "base/httpc.h"
#include "base/wire/denial.h"

enum { CONNECT_MS = 2000, AGAIN_MS = 100, PATH_LEN = 96 };

struct dm_dispatch {
    dm_httpc_pool *pool;
    unsigned timeout_ms;
    int64_t wait_us;
    const dm_clock *clock;
};

int dm_dispatch_new(const dm_dispatch_config *config, dm_dispatch **out, dm_err *err)
{
    const dm_httpc_config http = {.base = "http://worker", .unix_path = config->socket, .connect_ms = CONNECT_MS};
    dm_dispatch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "worker client");
    w->timeout_ms = config->timeout_ms;
    w->wait_us = (int64_t)config->wait_ms * 1000;
    w->clock = config->clock;
    int r = dm_httpc_pool_new(&http, config->connections, &w->pool, err);
    if (r < 0) {
        free(w);
        return r;
    }
    *out = w;
    return 0;
}

void dm_dispatch_free(dm_dispatch *w)
{
    if (w == NULL)
        return;
    dm_httpc_pool_free(w->pool);
    free(w);
}

/* --- an exchange -------------------------------------------------------------------------------------------- */

typedef struct ask {
    const char *method;
    const char *verb; /* "" : the collection itself */
    const dm_sandbox_id *id;
    dm_str body;
} ask;

static int send(dm_dispatch *w, const ask *a, int *status, dm_buf *answer, dm_err *err)
{
    char path[PATH_LEN];
    int64_t until = dm_mono_us(w->clock) + w->wait_us;
    int r = a->id == NULL
                    ? dm_path(path, sizeof path, err, "/v1/sandboxes")
                    : dm_path(path, sizeof path, err, "/v1/sandboxes/%s/%s", dm_sandbox_name_of(a->id).s, a->verb);
    if (r < 0)
        return r;
    for (;;) {
        dm_buf_reset(answer);
        r = dm_httpc_pool_call(w->pool, a->method, path, a->body, w->timeout_ms, status, answer, err);
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

int dm_dispatch_admit(
        dm_dispatch *w, const dm_wk_admit *m, bool resume, dm_wk_started *out, dm_dispatch_no *no, dm_err *err)
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
    const ask a = {.method = "POST", .verb = "resume", .id = resume ? &id : NULL, .body = dm_buf_view(&text)};
    r = exchange(w, &a, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_started_read(body, out, err), err);
}

static int stop(dm_dispatch *w, const char *verb, const dm_sandbox_id *id, int64_t epoch, dm_cause cause,
        dm_wk_stopped *out, dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) body = NULL;
    dm_jw j;
    dm_buf_init(&text, 1024);
    dm_jw_init(&j, &text);
    dm_jw_obj(&j);
    dm_jw_ki64(&j, "epoch", epoch);
    dm_jw_kc(&j, "cause", dm_cause_get(cause)->name);
    dm_jw_end(&j);
    int r = dm_buf_ok(&text, err);
    if (r < 0)
        return r;
    const ask a = {.method = "POST", .verb = verb, .id = id, .body = dm_buf_view(&text)};
    r = exchange(w, &a, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_stopped_read(body, out, err), err);
}

int dm_dispatch_pause(dm_dispatch *w, const dm_sandbox_id *id, int64_t epoch, dm_cause cause, dm_wk_stopped *out,
        dm_dispatch_no *no, dm_err *err)
{
    return stop(w, "pause", id, epoch, cause, out, no, err);
}

int dm_dispatch_kill(dm_dispatch *w, const dm_sandbox_id *id, int64_t epoch, dm_cause cause, dm_wk_stopped *out,
        dm_dispatch_no *no, dm_err *err)
{
    return stop(w, "kill", id, epoch, cause, out, no, err);
}

int dm_dispatch_deadline(
        dm_dispatch *w, const dm_sandbox_id *id, const dm_wk_deadline *m, dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO_BUF text;
    DM_AUTO(json_t) body = NULL;
    dm_jw j;
    dm_buf_init(&text, 1024);
    dm_jw_init(&j, &text);
    dm_wk_deadline_write(&j, m);
    int r = dm_buf_ok(&text, err);
    if (r < 0)
        return r;
    const ask a = {.method = "POST", .verb = "deadline", .id = id, .body = dm_buf_view(&text)};
    return exchange(w, &a, &body, no, err);
}

int dm_dispatch_usage(dm_dispatch *w, const dm_sandbox_id *id, dm_wk_usage *out, dm_dispatch_no *no, dm_err *err)
{
    DM_AUTO(json_t) body = NULL;
    const ask a = {.method = "GET", .verb = "usage", .id = id, .body = {NULL, 0}};
    int r = exchange(w, &a, &body, no, err);
    return r != 0 ? r : decoded(dm_wk_usage_read(body, out, err), err);
}
