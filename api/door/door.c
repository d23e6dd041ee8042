/* GET /door: nginx asks before each request to a sandbox (auth_request). The answer is always 200; what is to be done
 * stands in headers. A sleeper that may be woken is awake before the answer goes out; requests that come while it
 * wakes wait for the same wake. A signed file URL may name no sandbox: it is for the one whose token signed it
 * (signers.h), and from there on a request like any other. */
#include <stdio.h>

#include "base/file.h"

#include "api/door/routes.h"
#include "api/door/scoped.h"
#include "api/door/signed.h"
#include "api/door/signers.h"
#include "api/door/verdict.h"
#include "api/kit/denial.h"
#include "api/kit/request.h"
#include "api/life/wake.h"
#include "tenants/sandbox/network.h"

enum { WAKE_LEAST_S = 300, ROUTE_MAX = 128, TOKEN_MAX = 512 };

/* What is known of a request goes with it, over hops and waits: who is asked for, and what his row said. */
typedef struct visit {
    dm_door_ask ask;
    dm_door_reason reason; /* as read; SEARCH becomes what the search found */
    uint64_t mark;         /* from before the row was looked at */
    dm_sandbox_at_door s;
    dm_buf agent; /* the agent's token, for a page that must not have it; empty: the client's own goes on to the agent
                   */
} visit;

static void visit_done(void *arg)
{
    visit *v = arg;
    dm_pg_rows_free(v->s.rows);
    if (v->agent.p != NULL)
        explicit_bzero(v->agent.p, v->agent.len);
    dm_buf_done(&v->agent);
    free(v);
}

/* NULL: no memory. */
static visit *visit_of(dm_req *req)
{
    dm_session *s = dm_session_of(req);
    if (s->carry == NULL) {
        visit *v = calloc(1, sizeof *v);
        if (v == NULL)
            return NULL;
        v->reason = dm_door_read(req, &v->ask);
        dm_buf_init(&v->agent, TOKEN_MAX);
        s->carry = v;
        s->carry_done = visit_done;
    }
    return s->carry;
}

static int find(dm_pg *c, void *arg, dm_err *err)
{
    visit *v = arg;
    dm_pg_rows_free(v->s.rows);
    v->s.rows = NULL;
    return dm_sandbox_find_at_door(c, &v->ask.id, &v->s, err);
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static int refuse(dm_req *req, dm_door_reason reason, dm_err *err)
{
    dm_reply_empty(&req->reply, 200);
    int r = dm_reply_header(&req->reply, "X-Dm-Kind", DM_STR("refuse"), err);
    return r < 0 ? r : dm_reply_header(&req->reply, "X-Dm-Reason", dm_str_c(dm_door_reason_name(reason)), err);
}

static int pass(dm_req *req, const visit *v, dm_err *err)
{
    const dm_door_ask *ask = &v->ask;
    const dm_sandbox_at_door *s = &v->s;
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
            {"X-Dm-Host", dm_buf_view(&host)}, {"X-Dm-Agent-Token", dm_buf_view(&v->agent)}};
    dm_reply_empty(&req->reply, 200);
    for (size_t i = 0; i < DM_LEN(headers);
            i++) /* a request may come without a host; a header without a value cannot go */
        if (headers[i].value.n > 0 && dm_reply_header(&req->reply, headers[i].name, headers[i].value, err) < 0)
            return err->code;
    return 0;
}

/* --- waking ------------------------------------------------------------------------------------------------- */

/* The timeout given at creation, at least WAKE_LEAST_S, at most what the plan allows. */
static int64_t timeout_of(const dm_caller *caller, int64_t given_s)
{
    int64_t s = given_s > WAKE_LEAST_S ? given_s : WAKE_LEAST_S;
    return s < caller->limits.timeout_s_max ? s : caller->limits.timeout_s_max;
}

static int door(dm_req *req, void *ctx, dm_err *err);

/* Traffic waits, and wakes, on account of the project whose sandbox it is for. */
static dm_later_at at_of(const visit *v)
{
    return (dm_later_at){.line = DM_LATER_ORDERS, .project = v->s.owner.project};
}

static dm_door_reason reason_of(int outcome)
{
    switch (outcome) {
    case DM_WAKE_QUOTA:
        return DM_DOOR_QUOTA;
    case DM_WAKE_BLOCKED:
    case DM_WAKE_BUDGET:
        return DM_DOOR_BLOCKED;
    case DM_WAKE_NONE:
        return DM_DOOR_NOT_FOUND;
    case DM_WAKE_DRAINED:
        return DM_DOOR_DRAINED;
    default:
        return DM_DOOR_AWAY;
    }
}

static dm_no no_of(int outcome, const dm_wake *w)
{
    if (outcome == DM_WAKE_BUDGET)
        return w->short_.cause == DM_CAUSE_SPEND_CAP ? DM_NO_SPEND_CAP : DM_NO_ALLOWANCE_EXHAUSTED;
    return outcome == DM_WAKE_QUOTA ? DM_NO_DOOR_QUOTA : DM_NO_DOOR_BLOCKED;
}

/* Whoever knocked is a stranger; that the owner's sandbox did not wake for him is the owner's to know. */
static void keep(dm_api *api, const visit *v, int outcome, const dm_wake *w)
{
    const dm_denial d = dm_no_denial(no_of(outcome, w), "sandbox.wake");
    const dm_sandbox_name id = dm_sandbox_name_of(&v->ask.id);
    const dm_refusal one = {.owner = v->s.owner, .who = "door", .sandbox = dm_str_c(id.s), .denial = &d};
    dm_refusals_add(api->refusals, &one);
}

static int wake(dm_req *req, dm_api *api, visit *v, dm_err *err)
{
    dm_caller caller = {.owner = v->s.owner};
    DM_AUTO_WAKE w = {.no = {.status = 0}};
    int r = dm_client_waits(req, err);
    if (r == 0)
        r = dm_wake_by_traffic(api, &caller, &v->ask.id, timeout_of, &w, err);
    if (r < 0)
        return r;
    if (r == 0 && w.one.s.state == DM_SANDBOX_RUNNING) {
        v->s.epoch = w.one.s.epoch;
        v->s.address = dm_str_c(w.address);
        return pass(req, v, err);
    }
    if (r == 0 || r == DM_WAKE_RUNNING) /* it has moved on: once more from the beginning */
        return door(req, api, err);
    if (r == DM_WAKE_BUSY)
        return dm_later_park(api->later, at_of(v), req, door, api, &v->ask.id, v->mark, err);
    if (r == DM_WAKE_REFUSED)
        DM_LOG(api->log, DM_WARN, "door.wake_refused", dm_fs("sandbox", dm_sandbox_name_of(&v->ask.id).s),
                dm_fi("status", w.no.status), dm_fs("message", w.no.message));
    if (reason_of(r) == DM_DOOR_QUOTA || reason_of(r) == DM_DOOR_BLOCKED)
        keep(api, v, r, &w);
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
    if (r == DM_E_LIMIT) /* of its project, or of nobody's in particular, too many wait */
        return refuse(req, DM_DOOR_CROWD, err);
    dm_log_err(api->log, r == DM_E_UNAVAILABLE ? DM_WARN : DM_ERROR, "door.failed", err);
    return refuse(req, DM_DOOR_AWAY, err);
}

/* On a thread that may wait. */
static int search(dm_api *api, visit *v, dm_err *err)
{
    DM_AUTO_SIGNED url = {.stem = NULL};
    int r = dm_signed_read(v->ask.uri, v->ask.method, &url, err);
    if (r < 0)
        return r;
    v->reason = r == DM_SIGNED_NOT ? DM_DOOR_BAD : DM_DOOR_BAD_SIGN;
    if (r != 0)
        return 0;
    r = dm_signers_find(api->signers, &url, &v->ask.id, err);
    if (r >= 0)
        v->reason = r == 0 ? DM_DOOR_PASS : r == DM_SIGNERS_BUSY ? DM_DOOR_BUSY : DM_DOOR_BAD_SIGN;
    return r < 0 ? r : 0;
}

static int wake_hopped(dm_req *req, void *ctx, dm_err *err)
{
    return settled(req, ctx, wake(req, ctx, visit_of(req), err), err);
}

static bool over(const dm_sandbox_at_door *s)
{
    return s->state == DM_SANDBOX_ENDING || s->state == DM_SANDBOX_ENDED;
}

/* From here on a page's good token is the agent's own. Of what has ended it is said that it has. */
static int as_agent(dm_api *api, visit *v, dm_door_reason *reason, dm_err *err)
{
    *reason = DM_DOOR_PASS;
    if (!dm_scoped_claimed(&v->ask) || over(&v->s))
        return 0;
    int r = dm_scoped_judge(api, &v->ask, &v->s, reason, err);
    if (r < 0 || *reason != DM_DOOR_PASS)
        return r;
    if (v->s.secure)
        r = dm_secret_access_token(api->master, &v->ask.id, v->s.token_sealed, &v->agent, err);
    v->ask.access_token = dm_buf_view(&v->agent);
    return r;
}

static int decide(dm_req *req, dm_api *api, visit *v, dm_err *err)
{
    static const dm_caller nobody = {.blocked = ""};
    dm_door_reason reason = DM_DOOR_NOT_FOUND;
    v->mark = dm_later_mark(api->later, &v->ask.id);
    int r = dm_api_tx(api, &nobody, find, v, err);
    if (r == 0)
        r = as_agent(api, v, &reason, err);
    if (r == 0 && reason == DM_DOOR_PASS)
        r = dm_door_judge(api, &v->ask, &v->s, &reason, err);
    if (r < 0)
        return r;
    if (reason == DM_DOOR_PASS)
        return pass(req, v, err);
    if (reason == DM_DOOR_WAKE)
        return dm_later_hop(api->later, at_of(v), req, wake_hopped, api, err);
    if (reason == DM_DOOR_CHANGING)
        return dm_later_park(api->later, at_of(v), req, door, api, &v->ask.id, v->mark, err);
    return refuse(req, reason, err);
}

static int search_hopped(dm_req *req, void *ctx, dm_err *err)
{
    visit *v = visit_of(req);
    int r = search(ctx, v, err);
    if (r == 0)
        r = v->reason == DM_DOOR_PASS ? decide(req, ctx, v, err) : refuse(req, v->reason, err);
    return settled(req, ctx, r, err);
}

static int door(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_later_at nobodys = {.line = DM_LATER_ORDERS};
    dm_api *api = ctx;
    visit *v = visit_of(req);
    if (v == NULL)
        return settled(req, api, dm_fail(err, DM_E_NOMEM, "a visit"), err);
    if (v->reason == DM_DOOR_SEARCH)
        return settled(req, api, dm_later_hop(api->later, nobodys, req, search_hopped, api, err), err);
    if (v->reason != DM_DOOR_PASS)
        return refuse(req, v->reason, err);
    return settled(req, api, decide(req, api, v, err), err);
}

int dm_route_door(dm_req *req, void *ctx, dm_err *err)
{
    return door(req, ctx, err);
}
