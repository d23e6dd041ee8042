/* POST /v1/projects/{slug}/sandboxes. */
#include "api/dm/routes.h"
#include "api/dm/sandbox_answer.h"
#include "api/life/claims.h"
#include "api/life/create_body.h"
#include "api/life/deny.h"

static const char what[] = "sandbox.create";

static int give(dm_api *api, dm_req *req, const dm_sandbox *s, bool asked_again, dm_err *err)
{
    int r = dm_own_answer(api, req, 201, what, &s->id, err);
    return r < 0 ? r : dm_claims_when_sent(api->claims, req, s->worker, &s->id, asked_again, err);
}

static int create(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    const dm_caller *caller = &dm_session_of(req)->caller;
    dm_create_body b;
    DM_AUTO_START start = {.limit = DM_START_VCPUS};
    int r = dm_create_body_read(req, DM_CREATE_OWN, caller->limits.timeout_s_max, caller->region, &b, err);
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

int dm_route_own_create(dm_req *req, void *ctx, dm_err *err)
{
    return dm_create_hop(req, ctx, what, create, err);
}
