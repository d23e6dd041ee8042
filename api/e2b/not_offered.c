/* Routes that E2B's clients know and that are not offered yet. As unknown paths they would be 404, which clients take
 * for a sandbox that is gone; a refusal says what is the matter, and that a retry does not help. */
#include "api/e2b/routes.h"
#include "api/kit/answer.h"

static int refuse(dm_req *req, const char *what, const char *rule, const char *cure)
{
    const dm_denial d = {.what = what, .rule = rule, .retry_after_s = -1, .cure = cure, .doc = "/docs/sandboxes"};
    return dm_deny(req, 403, NULL, &d, "%s is not offered here yet", what);
}

int dm_route_fork(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    return refuse(req, "sandbox.fork", "fork.not_offered", "create another sandbox and repeat the steps in it");
}

int dm_route_snapshot(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    return refuse(req, "sandbox.snapshot", "snapshot.not_offered",
            "pause the sandbox: it keeps its memory until it is woken");
}

int dm_route_network(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    return refuse(req, "sandbox.network", "network.not_offered",
            "choose at creation: allow_internet_access false cuts a sandbox off, true leaves it open");
}

int dm_route_template_build(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    return refuse(
            req, "template.build", "template_build.not_offered", "use the template base, and install in the sandbox");
}
