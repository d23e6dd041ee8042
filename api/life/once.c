#include "api/life/once.h"

#include "api/kit/answer.h"

enum { STALE_S = 300, BOUND_MAX = 80 << 10, DONE = 200 };

typedef struct work {
    dm_once *once;
    dm_sandbox_id id;
    bool done;
} work;

static int begin(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_sandbox_id id = w->id;
    return dm_idem_begin(c, &w->once->idem, STALE_S, &id, err);
}

static int answer(dm_req *req, const char *what, int r)
{
    switch (r) {
    case DM_IDEM_RUNNING:
        r = dm_deny(req, DM_NO_IDEM_IN_PROGRESS, what, "a request with this Idempotency-Key is still under way");
        break;
    case DM_IDEM_MISMATCH:
        r = dm_deny(req, DM_NO_IDEM_MISMATCH, what, "this Idempotency-Key came with another request before");
        break;
    default:
        r = dm_deny(req, DM_NO_IDEM_UNKNOWN, what, "nobody can say what became of the first request with this key");
        break;
    }
    return r < 0 ? r : DM_ONCE_ANSWERED;
}

int dm_once_begin(dm_api *api, dm_req *req, const char *what, const dm_sandbox_id *id, dm_once *out, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    dm_str key = dm_req_header(req, "Idempotency-Key");
    DM_AUTO_BUF bound;
    dm_buf_init(&bound, BOUND_MAX);
    *out = (dm_once){.idem = {.owner = caller->owner, .key = key}};
    if (key.p == NULL)
        return 0;
    if (!dm_idem_key_ok(key))
        return dm_fail(err, DM_E_INVALID, "Idempotency-Key must be 1 to 255 of a-z, 0-9 and -");
    (void)dm_buf_fmt(&bound, "%.*s %.*s\n", (int)req->method.n, req->method.p, (int)req->path.n, req->path.p);
    (void)dm_buf_str(&bound, req->body);
    int r = dm_buf_ok(&bound, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(&bound), &out->idem.body, err);
    work w = {.once = out, .id = *id};
    if (r == 0)
        r = dm_api_tx(api, caller, begin, &w, err);
    out->begun = r == 0;
    if (r <= 0)
        return r;
    return r == DM_IDEM_DONE ? DM_ONCE_AGAIN : answer(req, what, r);
}

static int end(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return w->done ? dm_idem_settle(c, &w->once->idem, DONE, err) : dm_idem_drop(c, &w->once->idem, err);
}

void dm_once_end(dm_api *api, const dm_caller *caller, dm_once *o, bool done)
{
    work w = {.once = o, .done = done};
    dm_err err = {0};
    if (!o->begun)
        return;
    o->begun = false;
    if (dm_api_tx(api, caller, end, &w, &err) < 0)
        dm_log_err(api->log, DM_WARN, "idempotency.not_settled", &err);
}
