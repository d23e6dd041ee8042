/* workers/guest/route.h: from a request's head to who answers it. The order is part of the wire: CORS preflight, token,
 * user, route, method. */
#ifndef DM_GUEST_ROUTE_H
#define DM_GUEST_ROUTE_H

#include "workers/guest/guest.h"

void dm_route(void *guest, dm_x *x);

/* The user a request names with a username parameter or a Basic header, else the default. 0, or 1 after the refusal was
 * put into message. name NULL: none was given. */
int dm_route_user(dm_guest *g, const char *name, dm_user *out, char *message, size_t size) DM_NODISCARD;

#endif
