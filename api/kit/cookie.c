#include "api/kit/cookie.h"

#include <stdio.h>

static const struct {
    const char *plain, *tls, *path;
} cookies[DM_COOKIES] = {
        [DM_COOKIE_SESSION] = {"dormouse_session", "__Host-dormouse_session", "/"},
        [DM_COOKIE_REFRESH] = {"dormouse_refresh", "__Secure-dormouse_refresh", "/v1/auth"},
        [DM_COOKIE_DEVICE] = {"dormouse_device", "__Secure-dormouse_device", "/v1"},
        [DM_COOKIE_OPS_SESSION] = {"dormouse_ops", "__Host-dormouse_ops", "/"},
        [DM_COOKIE_OPS_REFRESH] = {"dormouse_ops_refresh", "__Secure-dormouse_ops_refresh", "/v1/ops/auth"},
        [DM_COOKIE_LOOK] = {"dormouse_look", "__Host-dormouse_look", "/"},
};

bool dm_req_over_tls(const dm_req *req)
{
    return dm_str_eq_c(dm_req_header(req, "X-Forwarded-Proto"), "https");
}

dm_str dm_cookie_find(dm_str header, const char *name)
{
    dm_str found = {NULL, 0}, pair;
    while (dm_str_split(&header, ';', &pair)) {
        dm_str whole = dm_str_trim(pair), value = whole, said;
        if (!dm_str_split(&value, '=', &said) || said.n == whole.n || !dm_str_eq_c(said, name))
            continue;
        if (found.p != NULL)
            return (dm_str){NULL, 0};
        found = (dm_str){said.p + said.n + 1, whole.n - said.n - 1};
    }
    return found;
}

const char *dm_cookie_name(bool tls, dm_cookie which)
{
    return tls ? cookies[which].tls : cookies[which].plain;
}

dm_str dm_cookie_of(const dm_req *req, bool tls, dm_cookie which)
{
    dm_str header = dm_req_header(req, "Cookie");
    return header.p != NULL ? dm_cookie_find(header, dm_cookie_name(tls, which)) : header;
}

int dm_cookie_set(dm_req *req, bool tls, dm_cookie which, const char *value, int64_t max_age_s, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, DM_COOKIE_VALUE_MAX + 256);
    (void)dm_buf_fmt(&text, "%s=%s; Path=%s; Max-Age=%lld; HttpOnly; SameSite=Strict%s", dm_cookie_name(tls, which),
            value, cookies[which].path, (long long)max_age_s, tls ? "; Secure" : "");
    int r = dm_buf_ok(&text, err);
    return r < 0 ? r : dm_reply_header(&req->reply, "Set-Cookie", dm_buf_view(&text), err);
}

static bool came_from_where_it_went(const dm_req *req, bool tls)
{
    dm_str origin = dm_req_header(req, "Origin"), host = dm_req_header(req, "Host");
    dm_str scheme = tls ? DM_STR("https://") : DM_STR("http://");
    return origin.p != NULL && host.n > 0 && dm_str_starts(origin, scheme) &&
           dm_str_eq((dm_str){origin.p + scheme.n, origin.n - scheme.n}, host);
}

bool dm_req_is_own(const dm_req *req, bool tls)
{
    if (!dm_str_eq_c(dm_req_header(req, "Dormouse-Csrf"), "1"))
        return false;
    dm_str site = dm_req_header(req, "Sec-Fetch-Site");
    return site.p != NULL ? dm_str_eq_c(site, "same-origin") : came_from_where_it_went(req, tls);
}
