#include "api/routes.h"

#include "api/api.h"

#define ROW(method, path, may, body_max, handler) {#method, path, may, body_max, dm_route_##handler},
#define NOTHING(method, path, may, body_max, handler)

static const dm_route routes[] = {
#define ROUTE ROW
#define WORKER NOTHING
#include "api/routes.def"
#undef ROUTE
#undef WORKER
};

static const dm_route worker_routes[] = {
#define ROUTE NOTHING
#define WORKER ROW
#include "api/routes.def"
#undef ROUTE
#undef WORKER
};

const dm_route *dm_api_routes(size_t *n)
{
    *n = DM_LEN(routes);
    return routes;
}

const dm_route *dm_api_worker_routes(size_t *n)
{
    *n = DM_LEN(worker_routes);
    return worker_routes;
}
