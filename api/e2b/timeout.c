/* POST /sandboxes/{id}/timeout and /refreshes. */
#include <stddef.h>

#include "api/e2b/routes.h"
#include "api/kit/request.h"
#include "api/life/deadline.h"
#include "api/life/deny.h"

static const char what[] = "sandbox.timeout";

enum { REFRESH_LEAST_S = 15, REFRESH_MOST_S = 3600 };

typedef struct body {
    int64_t timeout, duration;
    bool has_timeout;
} body;

static const dm_json_field timeout_fields[] = {
        {"timeout", DM_JSON_I64, offsetof(body, timeout), offsetof(body, has_timeout), INT32_MIN, INT32_MAX}};
static const dm_json_field refresh_fields[] = {
        {"duration", DM_JSON_I64, offsetof(body, duration), DM_JSON_OPT, 0, REFRESH_MOST_S}};

static int move(dm_req *req, dm_api *api, dm_http_handler self, int64_t seconds, bool later_only, dm_err *err)
{
    dm_session *s = dm_session_of(req);
    dm_sandbox_id id;
    dm_dispatch_no no;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_param(req->params[0], &id, err);
    if (r == 0)
        r = dm_client_waits(req, err);
    if (r < 0)
        return r;
    uint64_t mark = dm_later_mark(api->later, &id);
    r = dm_deadline_move(api, &s->caller, &id, dm_wall_us(api->clock) + seconds * 1000000, later_only, &one, &no, err);
    switch (r) {
    case 0:
        dm_reply_empty(&req->reply, 204);
        return 0;
    case DM_DEADLINE_NONE:
        return dm_deny_no_sandbox(req, what, &id);
    case DM_DEADLINE_BUSY:
        return dm_wait_or_deny(api, dm_at(DM_LATER_ORDERS, req), req, self, &id, mark, what, err);
    default:
        return dm_deny_deadline(req, what, r, &no, err);
    }
}

static int timeout(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, timeout_fields, DM_LEN(timeout_fields), &b, err);
    if (r < 0)
        return r;
    if (!b.has_timeout)
        return dm_fail(err, DM_E_INVALID, "\"timeout\" is missing");
    r = dm_deny_timeout(req, what, b.timeout, 0, dm_session_of(req)->caller.limits.timeout_s_max);
    if (r != 0)
        return r < 0 ? r : 0;
    return move(req, ctx, timeout, b.timeout, false, err);
}

static int refresh(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int64_t most = dm_session_of(req)->caller.limits.timeout_s_max;
    int r = dm_body_read(req, refresh_fields, DM_LEN(refresh_fields), &b, err);
    if (r < 0)
        return r;
    int64_t seconds = b.duration > REFRESH_LEAST_S ? b.duration : REFRESH_LEAST_S;
    return move(req, ctx, refresh, seconds < most ? seconds : most, true, err);
}

int dm_route_sandbox_timeout(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, timeout, err);
}

int dm_route_sandbox_refresh(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, refresh, err);
}
