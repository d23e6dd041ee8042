/* POST .../sandboxes/{id}/pause, /resume, /timeout and DELETE: acts on one sandbox, answered with the sandbox as it is
 * then. With an Idempotency-Key the same request again finds it done (api/life/once.h). */
#include <stddef.h>

#include "api/dm/routes.h"
#include "api/dm/sandbox_answer.h"
#include "api/kit/request.h"
#include "api/life/deadline.h"
#include "api/life/deny.h"
#include "api/life/kill.h"
#include "api/life/once.h"
#include "api/life/pause.h"
#include "api/life/wake.h"

enum { TIMEOUT_S = 300 };

/* An act: 0, it is done; WAIT, the sandbox is on its way: come again when it has come to rest; ANSWERED; or a failure.
 */
enum { WAIT = 1, ANSWERED };

typedef struct act {
    const char *what;
    dm_later_line line;
    int (*run)(dm_req *req, dm_api *api, const dm_sandbox_id *id, dm_err *err);
    dm_http_handler again; /* itself, for a request that waits */
} act;

static int answered(int r)
{
    return r < 0 ? r : ANSWERED;
}

/* --- the acts ----------------------------------------------------------------------------------------------- */

/* One that sleeps already when this request waited for its sleep was put to sleep for this one as well. */
static int run_pause(dm_req *req, dm_api *api, const dm_sandbox_id *id, dm_err *err)
{
    dm_session *s = dm_session_of(req);
    dm_dispatch_no no;
    dm_quota_over over;
    int r = dm_pause_one(api, &s->caller, id, DM_CAUSE_PAUSED, &no, &over, err);
    if (r == DM_PAUSE_JOIN || r == DM_PAUSE_BUSY) {
        s->joined = r == DM_PAUSE_JOIN;
        return WAIT;
    }
    if (r == 0 || (r == DM_PAUSE_ASLEEP && s->joined))
        return 0;
    return answered(dm_deny_pause(req, "sandbox.pause", id, r, &no, &over, err));
}

typedef struct body {
    int64_t timeout;
    bool has_timeout;
} body;

static const dm_json_field fields[] = {
        {"timeout", DM_JSON_I64, offsetof(body, timeout), offsetof(body, has_timeout), INT32_MIN, INT32_MAX}};

/* least: of the timeout. 0, ANSWERED, or a failure. */
static int read_timeout(dm_req *req, const char *what, int64_t least, bool needed, int64_t *seconds, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    if (!b.has_timeout && needed)
        return dm_fail(err, DM_E_INVALID, "\"timeout\" is missing");
    *seconds = b.has_timeout ? b.timeout : TIMEOUT_S;
    r = dm_deny_timeout(req, what, *seconds, least, dm_session_of(req)->caller.limits.timeout_s_max);
    return r > 0 ? ANSWERED : r;
}

static int run_resume(dm_req *req, dm_api *api, const dm_sandbox_id *id, dm_err *err)
{
    static const char what[] = "sandbox.resume";
    dm_session *s = dm_session_of(req);
    int64_t timeout_s = 0;
    DM_AUTO_WAKE wake = {.no = {.status = 0}};
    int r = read_timeout(req, what, 1, false, &timeout_s, err);
    if (r == 0)
        r = dm_client_waits(req, err);
    if (r != 0)
        return r;
    r = dm_wake_up(api, &s->caller, id, timeout_s, &wake, err);
    if (r == DM_WAKE_BUSY) {
        s->joined = wake.one.s.state == DM_SANDBOX_RESUMING;
        return WAIT;
    }
    if (r == 0 || (r == DM_WAKE_RUNNING && s->joined))
        return 0;
    return answered(dm_deny_wake(req, what, id, r, &wake, err));
}

static int run_timeout(dm_req *req, dm_api *api, const dm_sandbox_id *id, dm_err *err)
{
    static const char what[] = "sandbox.timeout";
    const dm_caller *caller = &dm_session_of(req)->caller;
    int64_t timeout_s = 0;
    dm_dispatch_no no;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = read_timeout(req, what, 0, true, &timeout_s, err);
    if (r == 0)
        r = dm_client_waits(req, err);
    if (r != 0)
        return r;
    r = dm_deadline_move(api, caller, id, dm_wall_us(api->clock) + timeout_s * 1000000, false, &one, &no, err);
    if (r == 0)
        return 0;
    if (r == DM_DEADLINE_BUSY)
        return WAIT;
    return answered(
            r == DM_DEADLINE_NONE ? dm_deny_no_sandbox(req, what, id) : dm_deny_deadline(req, what, r, &no, err));
}

static int run_kill(dm_req *req, dm_api *api, const dm_sandbox_id *id, dm_err *err)
{
    dm_dispatch_no no;
    int r = dm_kill_one(api, &dm_session_of(req)->caller, id, &no, err);
    return r == 0 ? 0 : answered(dm_deny_kill(req, "sandbox.kill", id, r, &no, err));
}

/* --- around them -------------------------------------------------------------------------------------------- */

static int once(dm_req *req, dm_api *api, const act *a, const dm_sandbox_id *id, dm_once **out, dm_err *err)
{
    dm_session *s = dm_session_of(req);
    if (s->carry != NULL) { /* it waited, and the key has been its own since */
        *out = s->carry;
        return 0;
    }
    dm_once *o = calloc(1, sizeof *o);
    if (o == NULL)
        return dm_fail(err, DM_E_NOMEM, "a key");
    s->carry = o;
    s->carry_done = free;
    *out = o;
    return dm_once_begin(api, req, a->what, id, o, err);
}

static int act_on(dm_req *req, dm_api *api, const act *a, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    dm_sandbox_id id;
    dm_once *o = NULL;
    int r = dm_own_id(req, &id, err);
    if (r == 0)
        r = once(req, api, a, &id, &o, err);
    if (r == DM_ONCE_AGAIN)
        return dm_own_answer(api, req, 200, a->what, &id, err);
    if (r != 0)
        return r < 0 ? r : 0;
    uint64_t mark = dm_later_mark(api->later, &id);
    r = a->run(req, api, &id, err);
    if (r == WAIT) {
        r = dm_wait_or_deny(api, dm_at(a->line, req), req, a->again, &id, mark, a->what, err);
        if (r == DM_HTTP_LATER)
            return r; /* req may be gone */
        dm_once_end(api, caller, o, false);
        return r;
    }
    dm_once_end(api, caller, o, r == 0);
    if (r != 0)
        return r < 0 ? r : 0;
    return dm_own_answer(api, req, 200, a->what, &id, err);
}

#define ACT(name, what, line)                                                                                          \
    static int do_##name(dm_req *req, void *ctx, dm_err *err)                                                          \
    {                                                                                                                  \
        static const act of = {what, line, run_##name, do_##name};                                                     \
        return act_on(req, ctx, &of, err);                                                                             \
    }                                                                                                                  \
    int dm_route_own_##name(dm_req *req, void *ctx, dm_err *err)                                                       \
    {                                                                                                                  \
        return dm_api_hop(req, ctx, line, do_##name, err);                                                             \
    }

ACT(pause, "sandbox.pause", DM_LATER_STOPS)
ACT(resume, "sandbox.resume", DM_LATER_ORDERS)
ACT(timeout, "sandbox.timeout", DM_LATER_ORDERS)
ACT(kill, "sandbox.kill", DM_LATER_STOPS)
