#include "api/door/verdict.h"

#include <stdio.h>

#include "base/parse.h"
#include "base/wire/guest.h"

#include "api/door/signed.h"
#include "api/kit/request.h"
#include "tenants/sandbox/network.h"

static const char *const internal_paths[] = {
        "/init", "/freeze", "/unfreeze", "/collapse", "/fsfreeze", "/fsthaw", "/upgrade"};

static const char *const reason_names[DM_DOOR_REASONS] = {[DM_DOOR_PASS] = "pass",
        [DM_DOOR_WAKE] = "wake",
        [DM_DOOR_CHANGING] = "changing",
        [DM_DOOR_SEARCH] = "search",
        [DM_DOOR_BAD] = "bad",
        [DM_DOOR_INTERNAL] = "internal",
        [DM_DOOR_NOT_FOUND] = "not_found",
        [DM_DOOR_NO_TOKEN] = "no_token",
        [DM_DOOR_BAD_TOKEN] = "bad_token",
        [DM_DOOR_BAD_PAGE] = "bad_page",
        [DM_DOOR_LATE_PAGE] = "late_page",
        [DM_DOOR_BAD_ACCESS] = "bad_access",
        [DM_DOOR_BAD_SIGN] = "bad_sign",
        [DM_DOOR_LATE_SIGN] = "late_sign",
        [DM_DOOR_BUSY] = "busy",
        [DM_DOOR_CROWD] = "crowd",
        [DM_DOOR_QUOTA] = "quota",
        [DM_DOOR_BLOCKED] = "blocked",
        [DM_DOOR_DRAINED] = "drained",
        [DM_DOOR_STUCK] = "stuck",
        [DM_DOOR_AWAY] = "away"};

const char *dm_door_reason_name(dm_door_reason reason)
{
    return reason_names[reason];
}

dm_door_reason dm_door_reason_of(dm_str name)
{
    for (size_t i = 0; i < DM_DOOR_REASONS; i++)
        if (dm_str_eq_c(name, reason_names[i]))
            return (dm_door_reason)i;
    return DM_DOOR_AWAY;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

/* Takes the last segment off. */
static size_t up(const char *path, size_t n)
{
    while (n > 0 && path[n - 1] != '/')
        n--;
    return n > 0 ? n - 1 : 0;
}

/* Segments are joined with one slash each; "." says nothing, ".." goes up. False when it does not fit: then it is
 * longer than any path we look for, since no segment is ever shortened by what follows but by "..". */
static bool clean(dm_str path, char *out, size_t cap)
{
    dm_str segment;
    size_t n = 0;
    while (dm_str_split(&path, '/', &segment)) {
        if (segment.n == 0 || dm_str_eq_c(segment, "."))
            continue;
        if (dm_str_eq_c(segment, "..")) {
            n = up(out, n);
            continue;
        }
        if (n + 1 + segment.n >= cap)
            return false;
        out[n++] = '/';
        memcpy(out + n, segment.p, segment.n);
        n += segment.n;
    }
    out[n] = '\0';
    return true;
}

bool dm_door_internal(dm_str uri, char path[64])
{
    DM_AUTO_BUF plain;
    char whole[2048];
    dm_str raw = uri;
    const char *q = uri.n > 0 ? memchr(uri.p, '?', uri.n) : NULL;
    if (q != NULL)
        raw.n = (size_t)(q - uri.p);
    dm_buf_init(&plain, 64 << 10);
    path[0] = '\0';
    /* What cannot be decoded, the agent's own parser refuses. */
    if (dm_url_decode(&plain, raw, false, NULL) < 0 || !clean(dm_buf_view(&plain), whole, sizeof whole))
        return false;
    for (size_t i = 0; i < DM_LEN(internal_paths); i++) {
        if (strcmp(whole, internal_paths[i]) == 0) {
            (void)snprintf(path, 64, "%s", internal_paths[i]);
            return true;
        }
    }
    return false;
}

static dm_str header(const dm_req *req, const char *name)
{
    dm_str v = dm_req_header(req, name);
    return v.p != NULL ? v : (dm_str){"", 0};
}

dm_door_reason dm_door_read(const dm_req *req, dm_door_ask *out)
{
    dm_str sid = header(req, "X-Dm-Sid"), port = header(req, "X-Dm-Port");
    uint64_t number;
    char path[64];
    *out = (dm_door_ask){.uri = header(req, "X-Dm-Uri"),
            .method = header(req, "X-Dm-Method"),
            .host = header(req, "X-Dm-Host"),
            .token = header(req, "X-Dm-Token"),
            .access_token = header(req, "X-Dm-Access-Token")};
    if (dm_str_eq_c(header(req, "X-Dm-Bare"), "1")) {
        out->port = DM_GUEST_PORT;
        return DM_DOOR_SEARCH;
    }
    if (dm_parse_u64(port, 1, 65535, &number, NULL) < 0)
        return DM_DOOR_BAD;
    out->port = (uint16_t)number;
    dm_str plain = sid, first;
    if (!dm_str_split(&plain, '-', &first) || !dm_str_only(first, "abcdefghijklmnopqrstuvwxyz0123456789") ||
            dm_str_to_array(first, out->sandbox, sizeof out->sandbox, NULL) < 0)
        return DM_DOOR_BAD;
    int r = dm_sandbox_param(sid, &out->id, NULL);
    if (r == DM_E_INVALID)
        return DM_DOOR_BAD;
    if (out->port == DM_GUEST_PORT && dm_door_internal(out->uri, path))
        return DM_DOOR_INTERNAL;
    return r == DM_E_NOTFOUND ? DM_DOOR_NOT_FOUND : DM_DOOR_PASS;
}

/* --- judging ------------------------------------------------------------------------------------------------ */

static int check_traffic(
        dm_api *api, const dm_door_ask *ask, const dm_sandbox_at_door *s, dm_door_reason *out, dm_err *err)
{
    char token[DM_TOKEN_TEXT];
    dm_network network;
    *out = DM_DOOR_PASS;
    if (ask->port == DM_GUEST_PORT)
        return 0;
    int r = dm_network_read(s->network, &network, err);
    if (r < 0 || network.public)
        return r;
    if (ask->token.n == 0) {
        *out = DM_DOOR_NO_TOKEN;
        return 0;
    }
    r = dm_secret_token(api->master, "traffic", &ask->id, token, err);
    if (r == 0 && !dm_str_eq_secret(ask->token, dm_str_c(token)))
        *out = DM_DOOR_BAD_TOKEN;
    return r;
}

/* Whether the request proves that its sender, or who gave him the link, knows the agent's token. */
static int check_token(dm_api *api, const dm_door_ask *ask, dm_str token, dm_door_reason *out, dm_err *err)
{
    DM_AUTO_SIGNED url = {.stem = NULL};
    bool right = dm_str_eq_secret(ask->access_token, token);
    int r = 0;
    if (!right && ask->access_token.n == 0) {
        r = dm_signed_read(ask->uri, ask->method, &url, err);
        if (r == 0)
            r = dm_signed_by(&url, token, &right, err);
    }
    if (r < 0)
        return r;
    if (!right)
        *out = DM_DOOR_BAD_ACCESS;
    else if (url.stem != NULL && url.until_s < dm_second_of(dm_wall_us(api->clock)))
        *out = DM_DOOR_LATE_SIGN;
    return 0;
}

/* A sleeper is woken for its owner alone: whoever talks to the agent must know its token, or hold a link of his. */
static int check_wake(
        dm_api *api, const dm_door_ask *ask, const dm_sandbox_at_door *s, dm_door_reason *out, dm_err *err)
{
    DM_AUTO_BUF token;
    dm_buf_init(&token, 512);
    *out = DM_DOOR_NOT_FOUND;
    if (!s->auto_resume)
        return 0;
    *out = DM_DOOR_WAKE;
    if (ask->port != DM_GUEST_PORT || !s->secure)
        return 0;
    int r = dm_secret_access_token(api->master, &ask->id, s->token_sealed, &token, err);
    if (r == 0)
        r = check_token(api, ask, dm_buf_view(&token), out, err);
    if (token.p != NULL)
        explicit_bzero(token.p, token.len);
    return r;
}

int dm_door_judge(dm_api *api, const dm_door_ask *ask, const dm_sandbox_at_door *s, dm_door_reason *out, dm_err *err)
{
    int r = check_traffic(api, ask, s, out, err);
    if (r < 0 || *out != DM_DOOR_PASS)
        return r;
    switch (s->state) {
    case DM_SANDBOX_RUNNING:
        *out = s->door.n > 0 && s->address.n > 0 ? DM_DOOR_PASS : DM_DOOR_NOT_FOUND;
        return 0;
    case DM_SANDBOX_PAUSED:
        return check_wake(api, ask, s, out, err);
    case DM_SANDBOX_PAUSING: /* will be paused: judged as if it were, and waited for only if it may be woken */
        r = check_wake(api, ask, s, out, err);
        if (r == 0 && *out == DM_DOOR_WAKE)
            *out = DM_DOOR_CHANGING;
        return r;
    case DM_SANDBOX_RESUMING:
        *out = DM_DOOR_CHANGING;
        return 0;
    case DM_SANDBOX_STARTING:
    case DM_SANDBOX_ENDING:
    case DM_SANDBOX_ENDED:
    case DM_SANDBOX_STATES:
        break;
    }
    *out = DM_DOOR_NOT_FOUND;
    return 0;
}
