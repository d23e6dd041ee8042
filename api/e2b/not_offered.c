/* Routes that E2B's clients know and that are not offered yet. As unknown paths they would be 404, which clients take
 * for a sandbox that is gone; a refusal says what is the matter, and that a retry does not help. */
#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"

static int refuse(dm_req *req, dm_no no, const char *what)
{
    return dm_deny(req, no, what, "%s is not offered here yet", what);
}

int dm_route_fork(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    return refuse(req, DM_NO_FORK_NOT_OFFERED, "sandbox.fork");
}

int dm_route_snapshot(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    return refuse(req, DM_NO_SNAPSHOT_NOT_OFFERED, "sandbox.snapshot");
}

int dm_route_network(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    return refuse(req, DM_NO_NETWORK_CHANGE, "sandbox.network");
}

int dm_route_template_build(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    return refuse(req, DM_NO_TEMPLATE_BUILD_NOT_OFFERED, "template.build");
}
