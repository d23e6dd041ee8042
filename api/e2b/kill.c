/* DELETE /sandboxes/{id}. */
#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/life/settle.h"

static const char what[] = "sandbox.kill";

enum { NONE = 1 };

typedef struct work {
    dm_session *session;
    const dm_sandbox_id *id;
    int64_t now_us;
    bool again; /* another kill was first */
    dm_sandbox_one one;
} work;

/* What is ending already was asked to by another kill, which may never have reached the worker: it is ordered again,
 * so that a 404 also means that nothing runs or is billed any more. */
static int begin(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_caller *who = &w->session->caller;
    const dm_sandbox_move_args move = {.event = DM_SANDBOX_KILL, .who = w->session->who, .at_us = w->now_us};
    int r = dm_sandbox_find(c, who->owner, w->id, true, &w->one, err);
    if (r != 0)
        return r < 0 ? r : NONE;
    w->again = w->one.s.state == DM_SANDBOX_ENDING && w->one.s.started_us != 0;
    if (w->again)
        return 0;
    if (w->one.s.state == DM_SANDBOX_STARTING || dm_sandbox_step_of(w->one.s.state, DM_SANDBOX_KILL) == NULL)
        return NONE;
    return dm_sandbox_move(c, &w->one.s, &move, err);
}

/* From here on the row says that it is ending, and no door opens to it. When the worker does not answer, the sweep
 * tells it again until it does; so does the next kill. */
static int order(dm_req *req, dm_api *api, const work *w, dm_err *err)
{
    dm_wk_stopped stopped = {0};
    dm_dispatch_no no;
    dm_sandbox_move_args move = {.event = DM_SANDBOX_GONE,
            .who = w->session->who,
            .at_us = dm_wall_us(api->clock),
            .cause = DM_CAUSE_KILLED};
    int r = dm_dispatch_kill(api->dispatch, w->id, w->one.s.epoch, DM_CAUSE_KILLED, &stopped, &no, err);
    if (r == DM_DISPATCH_REFUSED && no.status != 404)
        return dm_deny_worker(req, 500, NULL, what, &no);
    if (r < 0)
        return dm_deny_away(req, what, r, err);
    if (r == 0)
        r = dm_settle_move_of(&stopped, w->session->who, &move, err);
    dm_wk_stopped_done(&stopped);
    if (r >= 0)
        r = dm_settle(api, &w->session->caller, w->id, w->one.s.epoch, &move, NULL, err);
    if (r < 0)
        return r;
    if (r == DM_SETTLE_STALE && w->again) /* it was killed by the other one */
        return dm_deny_no_sandbox(req, what, w->id);
    dm_reply_empty(&req->reply, 204);
    return 0;
}

static int kill_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    dm_sandbox_id id;
    work w = {.session = dm_session_of(req), .id = &id, .now_us = dm_wall_us(api->clock)};
    int r = dm_sandbox_param(req->params[0], &id, err);
    if (r < 0)
        return r;
    r = dm_api_tx(api, &w.session->caller, begin, &w, err);
    if (r == 0) {
        dm_later_wake(api->later, &id);
        r = order(req, api, &w, err);
    } else if (r == NONE) {
        r = dm_deny_no_sandbox(req, what, &id);
    }
    dm_sandbox_one_done(&w.one);
    return r;
}

int dm_route_sandbox_kill(dm_req *req, void *ctx, dm_err *err)
{
    return dm_later_hop(((dm_api *)ctx)->later, req, kill_one, ctx, err);
}
