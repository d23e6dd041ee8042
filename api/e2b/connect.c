/* POST /sandboxes/{id}/connect, /v2/sandboxes/{id}/connect, /sandboxes/{id}/resume. */
#include <stddef.h>

#include "api/e2b/routes.h"
#include "api/e2b/sandbox.h"
#include "api/kit/request.h"
#include "api/life/deadline.h"
#include "api/life/deny.h"
#include "api/life/wake.h"

static const char what[] = "sandbox.connect";

enum { TIMEOUT_RESUME_S = 15, TIMEOUT_V2_S = 300, NEWS_WAIT_US = 10 * 1000000 };

typedef enum flavour { CONNECT_V1, CONNECT_V2, RESUME } flavour;

typedef struct body {
    int64_t timeout;
    bool has_timeout;
    bool memory, has_memory;
} body;

static const dm_json_field fields[] = {
        {"timeout", DM_JSON_I64, offsetof(body, timeout), offsetof(body, has_timeout), INT32_MIN, INT32_MAX},
        {"memory", DM_JSON_BOOL, offsetof(body, memory), offsetof(body, has_memory), 0, 0},
};

/* 0 and *timeout_s, or 1 when it has answered. The limit is looked at before the sandbox: clients compare. */
static int read_body(dm_req *req, flavour f, int64_t *timeout_s, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    if (!b.has_timeout && f == CONNECT_V1)
        return dm_fail(err, DM_E_INVALID, "\"timeout\" is missing");
    *timeout_s = b.has_timeout ? b.timeout : f == CONNECT_V2 ? TIMEOUT_V2_S : TIMEOUT_RESUME_S;
    r = dm_deny_timeout(
            req, what, *timeout_s, f == CONNECT_V2 ? 1 : 0, dm_session_of(req)->caller.limits.timeout_s_max);
    if (r != 0 || !b.has_memory || b.memory)
        return r;
    r = dm_deny(req, DM_NO_RESUME_MEMORY, what, "waking without memory is not offered here");
    return r < 0 ? r : 1;
}

/* It slept or ended in this very moment: its worker knows, and the event that tells us is on the way. The request is
 * called again when it has come, so that a connect right after a timeout wakes the sleeper instead of missing it. */
static int gone_ahead(
        dm_req *req, dm_api *api, dm_http_handler self, const dm_sandbox_id *id, uint64_t mark, dm_err *err)
{
    if (dm_mono_us(api->clock) - req->arrived_mono_us > NEWS_WAIT_US)
        return dm_deny_no_sandbox(req, what, id);
    return dm_wait_or_deny(api, dm_at(DM_LATER_ORDERS, req), req, self, id, mark, what, err);
}

/* It runs. A request that waited for another's wake is answered as the one that did it. */
static int running(dm_req *req, dm_api *api, flavour f, const dm_sandbox_id *id, int64_t timeout_s,
        dm_http_handler self, uint64_t mark, dm_err *err)
{
    dm_session *s = dm_session_of(req);
    dm_dispatch_no no;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    if (f == RESUME && !s->joined)
        return dm_deny_wake(req, what, id, DM_WAKE_RUNNING, NULL, NULL);
    int64_t end_us = dm_wall_us(api->clock) + timeout_s * 1000000;
    int r = dm_deadline_move(api, &s->caller, id, end_us, true, &one, &no, err);
    switch (r) {
    case 0:
        return dm_answer_sandbox(api, req, s->joined ? 201 : 200, &one.s, err);
    case DM_DEADLINE_NONE:
    case DM_DEADLINE_BUSY:
        return gone_ahead(req, api, self, id, mark, err);
    default:
        return dm_deny_deadline(req, what, r, &no, err);
    }
}

static int connect_any(dm_req *req, dm_api *api, flavour f, dm_http_handler self, dm_err *err)
{
    dm_session *s = dm_session_of(req);
    dm_sandbox_id id;
    int64_t timeout_s = 0;
    DM_AUTO_WAKE wake = {.no = {.status = 0}};
    int r = read_body(req, f, &timeout_s, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = dm_sandbox_param(req->params[0], &id, err);
    if (r < 0)
        return r;
    r = dm_client_waits(req, err);
    if (r < 0)
        return r;
    uint64_t mark = dm_later_mark(api->later, &id);
    r = dm_wake_up(api, &s->caller, &id, timeout_s, &wake, err);
    switch (r) {
    case 0:
        return dm_answer_sandbox(api, req, 201, &wake.one.s, err);
    case DM_WAKE_RUNNING:
        return running(req, api, f, &id, timeout_s, self, mark, err);
    case DM_WAKE_BUSY:
        s->joined = wake.one.s.state == DM_SANDBOX_RESUMING;
        return dm_wait_or_deny(api, dm_at(DM_LATER_ORDERS, req), req, self, &id, mark, what, err);
    default:
        return dm_deny_wake(req, what, &id, r, &wake, err);
    }
}

static int connect_v1(dm_req *req, void *ctx, dm_err *err)
{
    return connect_any(req, ctx, CONNECT_V1, connect_v1, err);
}

static int connect_v2(dm_req *req, void *ctx, dm_err *err)
{
    return connect_any(req, ctx, CONNECT_V2, connect_v2, err);
}

static int resume(dm_req *req, void *ctx, dm_err *err)
{
    return connect_any(req, ctx, RESUME, resume, err);
}

int dm_route_sandbox_connect_v1(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, connect_v1, err);
}

int dm_route_sandbox_connect_v2(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, connect_v2, err);
}

int dm_route_sandbox_resume(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, resume, err);
}
