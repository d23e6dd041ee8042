/* GET /health. */
#include "api/e2b/routes.h"
#include "api/kit/api.h"

int dm_route_health(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    if (atomic_load(&api->draining))
        return dm_fail(err, DM_E_UNAVAILABLE, "the service is going away");
    dm_reply_text(&req->reply, 200, "text/plain; charset=utf-8", DM_STR("Health check successful"));
    return 0;
}
