/* POST /sandboxes and /v2/sandboxes. */
#include "api/e2b/routes.h"
#include "api/e2b/sandbox.h"
#include "api/life/claims.h"
#include "api/life/create_body.h"
#include "api/life/deny.h"
#include "api/life/start.h"

static const char what[] = "sandbox.create";

static int give(dm_api *api, dm_req *req, const dm_sandbox *s, bool asked_again, dm_err *err)
{
    int r = dm_answer_sandbox(api, req, 201, s, err);
    return r < 0 ? r : dm_claims_when_sent(api->claims, req, s->worker, &s->id, asked_again, err);
}

static int create(dm_req *req, dm_api *api, bool v2, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    dm_create_body b;
    DM_AUTO_START start = {.limit = DM_START_VCPUS};
    int r = dm_create_body_read(
            req, v2 ? DM_CREATE_V2 : DM_CREATE_V1, caller->limits.timeout_s_max, caller->region, &b, err);
    if (r != 0)
        return r == DM_CREATE_ANSWERED ? 0 : r;
    const dm_start_args args = dm_create_args(&b, req);
    r = dm_start_one(api, caller, &args, &start, err);
    if (r == 0 || r == DM_START_AGAIN)
        r = give(api, req, &start.sandbox, args.idem_key.p != NULL, err);
    else
        r = dm_deny_start(req, what, &start, r, err);
    dm_create_body_done(&b);
    return r;
}

static int create_v1(dm_req *req, void *ctx, dm_err *err)
{
    return create(req, ctx, false, err);
}

static int create_v2(dm_req *req, void *ctx, dm_err *err)
{
    return create(req, ctx, true, err);
}

int dm_route_sandbox_create_v1(dm_req *req, void *ctx, dm_err *err)
{
    return dm_create_hop(req, ctx, what, create_v1, err);
}

int dm_route_sandbox_create_v2(dm_req *req, void *ctx, dm_err *err)
{
    return dm_create_hop(req, ctx, what, create_v2, err);
}
