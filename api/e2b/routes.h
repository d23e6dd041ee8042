/* api/e2b/routes.h: every handler of this mouth, declared from its routes.def and token_routes.def. One that a row
 * calls NAME is dm_route_NAME. */
#ifndef DM_API_E2B_ROUTES_H
#define DM_API_E2B_ROUTES_H

#include "base/http.h"

#define ROUTE(method, path, right, standing, body_max, handler)                                                        \
    int dm_route_##handler(dm_req *req, void *ctx, dm_err *err);
#include "api/e2b/routes.def"
#include "api/e2b/token_routes.def"
#undef ROUTE

#endif
