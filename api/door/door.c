/* GET /door: nginx asks before each request to a sandbox (auth_request). The answer is always 200; what is to be done
 * stands in headers. A sleeper that may be woken is awake before the answer goes out; requests that come while it
 * wakes wait for the same wake. A signed file URL may name no sandbox: it is for the one whose token signed it
 * (signers.h), and from there on a request like any other. */
#include <stdio.h>

#include "base/file.h"

#include "api/door/routes.h"
#include "api/door/signed.h"
#include "api/door/signers.h"
#include "api/door/verdict.h"
#include "api/life/wake.h"
#include "tenants/sandbox/network.h"

enum { WAKE_LEAST_S = 300, ROUTE_MAX = 128 };

typedef struct work {
    const dm_sandbox_id *id;
    dm_sandbox_at_door s;
} work;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->s.rows);
    w->s.rows = NULL;
    return dm_sandbox_find_at_door(c, w->id, &w->s, err);
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static int refuse(dm_req *req, dm_door_reason reason, dm_err *err)
{
    dm_reply_empty(&req->reply, 200);
    int r = dm_reply_header(&req->reply, "X-Dm-Kind", DM_STR("refuse"), err);
    return r < 0 ? r : dm_reply_header(&req->reply, "X-Dm-Reason", dm_str_c(dm_door_reason_name(reason)), err);
}

static int pass(dm_req *req, const dm_door_ask *ask, const dm_sandbox_at_door *s, dm_err *err)
{
    char route[ROUTE_MAX];
    dm_network network;
    DM_AUTO_BUF host;
    dm_buf_init(&host, 8 << 10);
    int r = dm_path(route, sizeof route, err, "%s/%lld/%.*s/%u", dm_sandbox_name_of(&ask->id).s, (long long)s->epoch,
            (int)s->address.n, s->address.p, ask->port);
    if (r == 0)
        r = dm_network_read(s->network, &network, err);
    if (r == 0)
        r = dm_network_host(&network, ask->host, ask->port, &host, err);
    if (r < 0)
        return r;
    const struct {
        const char *name;
        dm_str value;
    } headers[] = {{"X-Dm-Kind", DM_STR("pass")}, {"X-Dm-Up", s->door}, {"X-Dm-Path", dm_str_c(route)},
            {"X-Dm-Host", dm_buf_view(&host)}};
    dm_reply_empty(&req->reply, 200);
    for (size_t i = 0; i < DM_LEN(headers);
            i++) /* a request may come without a host; a header without a value cannot go */
        if (headers[i].value.n > 0 && dm_reply_header(&req->reply, headers[i].name, headers[i].value, err) < 0)
            return err->code;
    return 0;
}

/* --- waking ------------------------------------------------------------------------------------------------- */

static int find_caller(dm_pg *c, void *arg, dm_err *err)
{
    dm_caller *caller = arg;
    int r = dm_auth_of_project(c, caller->owner, caller, err);
    if (r == 0)
        (void)snprintf(caller->who, sizeof caller->who, "door");
    return r;
}

/* The timeout given at creation, at least WAKE_LEAST_S, at most what the plan allows. */
static int64_t timeout_of(const dm_caller *caller, int64_t given_s)
{
    int64_t s = given_s > WAKE_LEAST_S ? given_s : WAKE_LEAST_S;
    return s < caller->limits.timeout_s_max ? s : caller->limits.timeout_s_max;
}

typedef struct timeout_work {
    const dm_caller *caller;
    const dm_sandbox_id *id;
    int64_t timeout_s;
} timeout_work;

static int find_timeout(dm_pg *c, void *arg, dm_err *err)
{
    timeout_work *t = arg;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find(c, t->caller->owner, t->id, false, &one, err);
    if (r == 0)
        t->timeout_s = one.s.timeout_s;
    return r;
}

static int door(dm_req *req, void *ctx, dm_err *err);

static dm_door_reason reason_of(int outcome)
{
    switch (outcome) {
    case DM_WAKE_QUOTA:
        return DM_DOOR_QUOTA;
    case DM_WAKE_NONE:
        return DM_DOOR_NOT_FOUND;
    default:
        return DM_DOOR_AWAY;
    }
}

static int wake(
        dm_req *req, dm_api *api, const dm_door_ask *ask, const dm_sandbox_at_door *s, uint64_t mark, dm_err *err)
{
    dm_caller caller = {.owner = s->owner};
    timeout_work t = {.caller = &caller, .id = &ask->id};
    DM_AUTO_WAKE w = {.no = {.status = 0}};
    int r = dm_api_tx(api, &caller, find_caller, &caller, err);
    if (r < 0)
        return r;
    if (caller.banned || caller.blocked[0] != '\0')
        return refuse(req, DM_DOOR_BLOCKED, err);
    r = dm_api_tx(api, &caller, find_timeout, &t, err);
    if (r != 0)
        return r < 0 ? r : refuse(req, DM_DOOR_NOT_FOUND, err);
    r = dm_wake_up(api, &caller, &ask->id, timeout_of(&caller, t.timeout_s), &w, err);
    if (r == 0 || r == DM_WAKE_RUNNING)
        return door(req, api, err); /* once more from the beginning: now it runs */
    if (r == DM_WAKE_BUSY)
        return dm_later_park(api->later, req, door, api, &ask->id, mark, err);
    if (r < 0)
        dm_log_err(api->log, DM_WARN, "door.wake_failed", err);
    return refuse(req, reason_of(r), err);
}

/* --- the verdict -------------------------------------------------------------------------------------------- */

/* nginx turns any answer but 200 into a 500 of its own: what failed is a refusal too. */
static int settled(dm_req *req, dm_api *api, int r, dm_err *err)
{
    if (r >= 0)
        return r;
    if (r == DM_E_CONFLICT) /* it waited long enough */
        return refuse(req, DM_DOOR_STUCK, err);
    dm_log_err(api->log, r == DM_E_UNAVAILABLE ? DM_WARN : DM_ERROR, "door.failed", err);
    return refuse(req, DM_DOOR_AWAY, err);
}

static int search(dm_api *api, dm_door_ask *ask, dm_door_reason *reason, dm_err *err)
{
    DM_AUTO_SIGNED url = {.stem = NULL};
    int r = dm_signed_read(ask->uri, ask->method, &url, err);
    *reason = r == DM_SIGNED_NOT ? DM_DOOR_BAD : DM_DOOR_BAD_SIGN;
    if (r != 0)
        return r < 0 ? r : 0;
    r = dm_signers_find(api->signers, &url, &ask->id, err);
    if (r >= 0)
        *reason = r == 0 ? DM_DOOR_PASS : r == DM_SIGNERS_BUSY ? DM_DOOR_BUSY : DM_DOOR_BAD_SIGN;
    return r < 0 ? r : 0;
}

/* Whom the request is for, on a thread that may wait. */
static int read_hopped(const dm_req *req, dm_api *api, dm_door_ask *ask, dm_door_reason *reason, dm_err *err)
{
    *reason = dm_door_read(req, ask);
    return *reason == DM_DOOR_SEARCH ? search(api, ask, reason, err) : 0;
}

static int wake_hopped(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    static const dm_caller nobody = {.blocked = ""};
    dm_door_ask ask;
    dm_door_reason reason;
    work w = {.id = &ask.id};
    int r = read_hopped(req, api, &ask, &reason, err);
    uint64_t mark = dm_later_mark(api->later, &ask.id);
    if (r == 0)
        r = reason == DM_DOOR_PASS ? dm_api_tx(api, &nobody, find, &w, err) : DM_SANDBOX_NONE;
    if (r == 0)
        r = wake(req, api, &ask, &w.s, mark, err);
    else if (r > 0)
        r = refuse(req, DM_DOOR_NOT_FOUND, err);
    dm_pg_rows_free(w.s.rows);
    return settled(req, api, r, err);
}

static int decide(dm_req *req, dm_api *api, const dm_door_ask *ask, dm_err *err)
{
    static const dm_caller nobody = {.blocked = ""};
    work w = {.id = &ask->id};
    dm_door_reason reason = DM_DOOR_NOT_FOUND;
    uint64_t mark = dm_later_mark(api->later, &ask->id);
    int r = dm_api_tx(api, &nobody, find, &w, err);
    if (r == 0)
        r = dm_door_judge(api, ask, &w.s, &reason, err);
    if (r >= 0) {
        if (reason == DM_DOOR_PASS)
            r = pass(req, ask, &w.s, err);
        else if (reason == DM_DOOR_WAKE)
            r = dm_later_hop(api->later, req, wake_hopped, api, err);
        else if (reason == DM_DOOR_CHANGING)
            r = dm_later_park(api->later, req, door, api, &ask->id, mark, err);
        else
            r = refuse(req, reason, err);
    }
    dm_pg_rows_free(w.s.rows);
    return r;
}

static int search_hopped(dm_req *req, void *ctx, dm_err *err)
{
    dm_door_ask ask;
    dm_door_reason reason;
    int r = read_hopped(req, ctx, &ask, &reason, err);
    if (r == 0)
        r = reason == DM_DOOR_PASS ? decide(req, ctx, &ask, err) : refuse(req, reason, err);
    return settled(req, ctx, r, err);
}

static int door(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    dm_door_ask ask;
    dm_door_reason reason = dm_door_read(req, &ask);
    if (reason == DM_DOOR_SEARCH)
        return settled(req, api, dm_later_hop(api->later, req, search_hopped, api, err), err);
    if (reason != DM_DOOR_PASS)
        return refuse(req, reason, err);
    return settled(req, api, decide(req, api, &ask, err), err);
}

int dm_route_door(dm_req *req, void *ctx, dm_err *err)
{
    return door(req, ctx, err);
}
