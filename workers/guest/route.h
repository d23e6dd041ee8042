/* workers/guest/route.h: from a request's head to who answers it. The order is part of the wire: CORS preflight, token,
 * user, route, method. */
#ifndef DM_WORKERS_GUEST_ROUTE_H
#define DM_WORKERS_GUEST_ROUTE_H

#include "workers/guest/http/exchange.h"
#include "workers/guest/who/guest.h"

void dm_route(void *guest, dm_x *x);

#endif
