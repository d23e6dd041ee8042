/* POST /sandboxes/{id}/fork. */
#include "api/life/fork.h"

#include <stddef.h>

#include "api/e2b/routes.h"
#include "api/e2b/sandbox.h"
#include "api/kit/request.h"
#include "api/life/claims.h"
#include "api/life/create_body.h"
#include "api/life/deny.h"

static const char what[] = "sandbox.fork";

enum { TIMEOUT_S = 15, ANSWER_MAX = 256 << 10 };

typedef struct body {
    int64_t count, timeout;
    bool has_count, has_timeout;
} body;

static const dm_json_field fields[] = {
        {"count", DM_JSON_I64, offsetof(body, count), offsetof(body, has_count), INT32_MIN, INT32_MAX},
        {"timeout", DM_JSON_I64, offsetof(body, timeout), offsetof(body, has_timeout), INT32_MIN, INT32_MAX},
};

/* 0, or 1 when it has answered. */
static int read_body(dm_req *req, body *b, dm_err *err)
{
    int r = dm_body_read(req, fields, DM_LEN(fields), b, err);
    if (r < 0)
        return r;
    if (!b->has_count)
        b->count = 1;
    if (!b->has_timeout)
        b->timeout = TIMEOUT_S;
    if (b->count < 1 || b->count > DM_FORK_MAX)
        return dm_fail(err, DM_E_INVALID, "count must be 1 to %d", DM_FORK_MAX);
    return dm_deny_timeout(req, what, b->timeout, 1, dm_session_of(req)->caller.limits.timeout_s_max);
}

/* Its refusal, as it would have been answered, becomes its entry; of what stood in the answer meanwhile nothing is
 * left. */
static int write_error(dm_req *req, const dm_fork_child *child, dm_jw *w)
{
    dm_err err = child->err;
    size_t nheaders = req->reply.nheaders;
    int r = dm_deny_start(req, what, &child->start, child->r, &err);
    dm_jw_key(w, "error");
    if (r == 0 && req->reply.body.len > 0) {
        dm_jw_raw(w, dm_buf_view(&req->reply.body));
    } else {
        dm_jw_obj(w);
        dm_jw_ki64(w, "code", 500);
        dm_jw_kc(w, "message", "the sandbox could not be started");
        dm_jw_end(w);
    }
    while (req->reply.nheaders > nheaders)
        free(req->reply.headers[--req->reply.nheaders].value);
    req->reply.refused_by = NULL;
    req->reply.why = (dm_err){0};
    req->reply.retry_after_s = 0;
    return 0;
}

static int write_child(dm_api *api, dm_req *req, const dm_fork_child *child, dm_jw *w, dm_err *err)
{
    dm_jw_obj(w);
    int r = 0;
    if (child->r == 0) {
        dm_jw_key(w, "sandbox");
        r = dm_write_sandbox(api, w, &child->start.sandbox, err);
    } else {
        r = write_error(req, child, w);
    }
    dm_jw_end(w);
    return r;
}

static int answer(dm_api *api, dm_req *req, const dm_fork *f, dm_err *err)
{
    dm_sandbox_id ids[DM_FORK_MAX];
    size_t n = 0;
    DM_AUTO_BUF text;
    dm_jw w;
    dm_buf_init(&text, ANSWER_MAX);
    dm_jw_init(&w, &text);
    dm_jw_arr(&w);
    int r = 0;
    for (size_t i = 0; r == 0 && i < f->n; i++) {
        if (f->children[i].r == 0)
            ids[n++] = f->children[i].start.sandbox.id;
        r = write_child(api, req, &f->children[i], &w, err);
    }
    dm_jw_arr_end(&w);
    if (r == 0)
        r = dm_buf_ok(&text, err);
    if (r == 0) {
        dm_reply_text(&req->reply, 201, "application/json", dm_buf_view(&text));
        r = dm_claims_all_when_sent(api->claims, req, f->parent.s.worker, ids, n, err);
    }
    if (text.p != NULL)
        explicit_bzero(text.p, text.len);
    return r;
}

static int refused(dm_req *req, const dm_sandbox_id *id, int r, const dm_fork *f, dm_err *err)
{
    switch (r) {
    case DM_FORK_NONE:
        return dm_deny_no_sandbox(req, what, id);
    case DM_FORK_ASLEEP:
        return dm_deny(req, DM_NO_FORK_ASLEEP, what, "sandbox \"%s\" is paused", dm_sandbox_name_of(id).s);
    case DM_FORK_REFUSED:
        return dm_deny_worker(req, f->no.status == 503 || f->no.status == 429 ? 503 : 500, NULL, what, &f->no);
    case DM_FORK_AWAY:
        return dm_deny_away(req, what, err);
    case DM_FORK_SLOW:
        return dm_deny_slow(req, what, err);
    default:
        return dm_fail(err, DM_E_INTERNAL, "a fork came to %d", r);
    }
}

static int fork_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    const dm_caller *caller = &dm_session_of(req)->caller;
    dm_sandbox_id id;
    body b;
    DM_AUTO_FORK f = {.n = 0};
    int r = read_body(req, &b, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = dm_sandbox_param(req->params[0], &id, err);
    if (r == 0)
        r = dm_client_waits(req, err);
    if (r < 0)
        return r;
    uint64_t mark = dm_later_mark(api->later, &id);
    r = dm_fork_one(api, caller, &id, (size_t)b.count, b.timeout, &f, err);
    if (r == DM_FORK_BUSY)
        return dm_wait_or_deny(api, dm_at(DM_LATER_ORDERS, req), req, fork_one, &id, mark, what, err);
    return r == 0 ? answer(api, req, &f, err) : r < 0 ? r : refused(req, &id, r, &f, err);
}

int dm_route_fork(dm_req *req, void *ctx, dm_err *err)
{
    return dm_create_hop(req, ctx, what, fork_one, err);
}
