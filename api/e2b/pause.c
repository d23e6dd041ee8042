/* POST /sandboxes/{id}/pause. */
#include "api/life/pause.h"

#include <stddef.h>

#include "api/e2b/routes.h"
#include "api/kit/request.h"
#include "api/life/deny.h"

static const char what[] = "sandbox.pause";

typedef struct body {
    bool memory, has_memory, healthy;
} body;

static const dm_json_field fields[] = {
        {"memory", DM_JSON_BOOL, offsetof(body, memory), offsetof(body, has_memory), 0, 0},
        {"requireHealthyGuest", DM_JSON_BOOL, offsetof(body, healthy), DM_JSON_OPT, 0, 0},
};

/* 0, or 1 when it has answered. */
static int read_body(dm_req *req, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    if (b.has_memory && !b.memory)
        r = dm_deny(req, DM_NO_PAUSE_MEMORY, what, "pausing without memory is not offered here");
    else if (b.healthy)
        r = dm_deny(req, DM_NO_PAUSE_HEALTHY_GUEST, what, "requireHealthyGuest is not offered here");
    else
        return 0;
    return r < 0 ? r : 1;
}

/* Concurrent pauses of a running sandbox are all done by one of them; a later one finds it asleep. */
static int asleep(dm_req *req, const dm_sandbox_id *id)
{
    if (!dm_session_of(req)->joined)
        return dm_deny_pause(req, what, id, DM_PAUSE_ASLEEP, NULL, NULL, NULL);
    dm_reply_empty(&req->reply, 204);
    return 0;
}

static int pause_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    dm_session *s = dm_session_of(req);
    dm_sandbox_id id;
    dm_dispatch_no no;
    dm_quota_over over;
    int r = read_body(req, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = dm_sandbox_param(req->params[0], &id, err);
    if (r < 0)
        return r;
    uint64_t mark = dm_later_mark(api->later, &id);
    r = dm_pause_one(api, &s->caller, &id, DM_CAUSE_PAUSED, &no, &over, err);
    switch (r) {
    case 0:
        dm_reply_empty(&req->reply, 204);
        return 0;
    case DM_PAUSE_ASLEEP:
        return asleep(req, &id);
    case DM_PAUSE_JOIN:
    case DM_PAUSE_BUSY:
        s->joined = r == DM_PAUSE_JOIN;
        return dm_wait_or_deny(api, dm_at(DM_LATER_STOPS, req), req, pause_one, &id, mark, what, err);
    default:
        return dm_deny_pause(req, what, &id, r, &no, &over, err);
    }
}

int dm_route_sandbox_pause(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_STOPS, pause_one, err);
}
