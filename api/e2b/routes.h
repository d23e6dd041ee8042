/* api/e2b/routes.h: every handler of routes.def, declared from it. A handler that one row names is dm_route_<handler>.
 */
#ifndef DM_API_ROUTES_H
#define DM_API_ROUTES_H

#include "base/http.h"

#define ROUTE(method, path, may, body_max, handler) int dm_route_##handler(dm_req *req, void *ctx, dm_err *err);
#define WORKER ROUTE
#include "api/e2b/routes.def"
#undef ROUTE
#undef WORKER

#endif
