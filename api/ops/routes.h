/* api/ops/routes.h: every handler of this mouth, declared from its tables. One that a row calls
 * NAME is dm_route_NAME. */
#ifndef DM_API_OPS_ROUTES_H
#define DM_API_OPS_ROUTES_H

#include "base/http.h"

#define ROUTE(method, path, right, standing, body_max, handler)                                                        \
    int dm_route_##handler(dm_req *req, void *ctx, dm_err *err);
#include "api/ops/admin.def"
#include "api/ops/local.def"
#include "api/ops/routes.def"
#undef ROUTE

#endif
