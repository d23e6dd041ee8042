/* DELETE /sandboxes/{id}. */
#include "api/life/kill.h"

#include "api/e2b/routes.h"
#include "api/kit/request.h"
#include "api/life/deny.h"

static const char what[] = "sandbox.kill";

static int kill_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    dm_sandbox_id id;
    dm_dispatch_no no;
    int r = dm_sandbox_param(req->params[0], &id, err);
    if (r < 0)
        return r;
    r = dm_kill_one(api, &dm_session_of(req)->caller, &id, &no, err);
    if (r != 0)
        return dm_deny_kill(req, what, &id, r, &no, err);
    dm_reply_empty(&req->reply, 204);
    return 0;
}

int dm_route_sandbox_kill(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_STOPS, kill_one, err);
}
