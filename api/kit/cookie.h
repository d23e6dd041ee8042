/* api/kit/cookie.h: our cookies. Over TLS their names have a prefix that no other host's page can set (__Host-, or
 * __Secure- where a path narrows it); over plain HTTP, where browsers refuse those, they have none. The one kind is
 * nothing where the other is due. The front's last word on cookies that travel to a sandbox is ops/nginx: whatever is
 * called dormouse_ is ours. */
#ifndef DM_API_KIT_COOKIE_H
#define DM_API_KIT_COOKIE_H

#include "base/http.h"

typedef enum dm_cookie {
    DM_COOKIE_SESSION, /* the short token */
    DM_COOKIE_REFRESH, /* to /v1/auth alone */
    DM_COOKIE_DEVICE,  /* somebody signed in here before */
    DM_COOKIE_OPS_SESSION,
    DM_COOKIE_OPS_REFRESH, /* to /v1/ops/auth alone */
    DM_COOKIE_LOOK,        /* an operator looks as a tenant: worth nothing but with the header that names it */
    DM_COOKIES
} dm_cookie;

/* Whether the request came over TLS, as the front says. */
bool dm_req_over_tls(const dm_req *req);

/* The value in a Cookie header; .p NULL: it is not there, or twice, which is nobody's doing but somebody's who set one
 * beside ours. */
dm_str dm_cookie_find(dm_str header, const char *name);
dm_str dm_cookie_of(const dm_req *req, bool tls, dm_cookie which);
const char *dm_cookie_name(bool tls, dm_cookie which);

enum { DM_COOKIE_VALUE_MAX = 2048 };
/* max_age_s 0 takes it away. value has nothing that would end it (our tokens have not). */
int dm_cookie_set(
        dm_req *req, bool tls, dm_cookie which, const char *value, int64_t max_age_s, dm_err *err) DM_NODISCARD;

/* Whether a request that changes something is the page's own: Dormouse-Csrf: 1, which no form can send, and
 * Sec-Fetch-Site: same-origin, or, of a browser that says no such thing, the Origin that the request came to. */
bool dm_req_is_own(const dm_req *req, bool tls);

#endif
