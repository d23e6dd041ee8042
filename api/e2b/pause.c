/* POST /sandboxes/{id}/pause. */
#include <stddef.h>

#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/life/settle.h"

static const char what[] = "sandbox.pause";

enum { NONE = 1, ASLEEP, JOIN, BUSY };

typedef struct work {
    dm_session *session;
    const dm_sandbox_id *id;
    int64_t now_us;
    dm_sandbox_one one;
} work;

typedef struct body {
    bool memory, has_memory, healthy;
} body;

static const dm_json_field fields[] = {
        {"memory", DM_JSON_BOOL, offsetof(body, memory), offsetof(body, has_memory), 0, 0},
        {"requireHealthyGuest", DM_JSON_BOOL, offsetof(body, healthy), DM_JSON_OPT, 0, 0},
};

/* 0, or 1 when it has answered. */
static int read_body(dm_req *req, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    bool no_memory = b.has_memory && !b.memory;
    if (!no_memory && !b.healthy)
        return 0;
    const dm_denial d = {.what = what,
            .rule = no_memory ? "pause.memory" : "pause.healthy_guest",
            .retry_after_s = -1,
            .cure = no_memory ? "leave memory out: it is kept" : "leave requireHealthyGuest out",
            .doc = "/docs/sandboxes"};
    r = dm_deny(req, 400, NULL, &d,
            no_memory ? "pausing without memory is not offered here" : "requireHealthyGuest is not offered here");
    return r < 0 ? r : 1;
}

static int begin(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_caller *who = &w->session->caller;
    const dm_sandbox_move_args move = {.event = DM_SANDBOX_PAUSE, .who = w->session->who, .at_us = w->now_us};
    int r = dm_sandbox_find(c, who->owner, w->id, true, &w->one, err);
    if (r != 0)
        return r < 0 ? r : NONE;
    switch (w->one.s.state) {
    case DM_SANDBOX_RUNNING:
        return dm_sandbox_move(c, &w->one.s, &move, err);
    case DM_SANDBOX_PAUSED:
        return ASLEEP;
    case DM_SANDBOX_PAUSING:
        return JOIN;
    case DM_SANDBOX_RESUMING:
        return BUSY;
    case DM_SANDBOX_STARTING:
    case DM_SANDBOX_ENDING:
    case DM_SANDBOX_ENDED:
    case DM_SANDBOX_STATES:
        break;
    }
    return NONE;
}

static int done(dm_req *req)
{
    dm_reply_empty(&req->reply, 204);
    return 0;
}

/* Concurrent pauses of a running sandbox are all done by one of them; a later one finds it asleep. */
static int asleep(dm_req *req, const work *w)
{
    if (w->session->joined)
        return done(req);
    const dm_denial d = {.what = what,
            .rule = "sandbox.paused",
            .retry_after_s = -1,
            .cure = "nothing is to be done: it sleeps already",
            .doc = "/docs/sandboxes"};
    return dm_deny(req, 409, NULL, &d, "sandbox \"%s\" is already paused", dm_sandbox_name_of(w->id).s);
}

static int refused(dm_req *req, dm_api *api, const work *w, const dm_dispatch_no *no, dm_err *err)
{
    bool gone = no->status == 404;
    const dm_sandbox_move_args move = {.event = gone ? DM_SANDBOX_GONE : DM_SANDBOX_PAUSE_FAILED,
            .who = w->session->who,
            .at_us = dm_wall_us(api->clock),
            .cause = no->cause != DM_CAUSE_NONE ? no->cause : DM_CAUSE_HOST_LOST,
            .detail = dm_str_c(no->message)};
    int r = dm_settle(api, &w->session->caller, w->id, w->one.s.epoch, &move, NULL, err);
    if (r < 0)
        return r;
    return gone ? dm_deny_no_sandbox(req, what, w->id)
                : dm_deny_worker(req, no->status == 503 ? 503 : 500, NULL, what, no);
}

/* When the order may have arrived the row stays `pausing`: an event, or the sweep, says how it ended. */
static int away(dm_req *req, dm_api *api, const work *w, int r, dm_err *err)
{
    const dm_sandbox_move_args move = {
            .event = DM_SANDBOX_PAUSE_FAILED, .who = w->session->who, .at_us = dm_wall_us(api->clock)};
    dm_err why = {0};
    if (r == DM_E_UNAVAILABLE && dm_settle(api, &w->session->caller, w->id, w->one.s.epoch, &move, NULL, &why) < 0)
        dm_log_err(api->log, DM_ERROR, "sandbox.pause_not_settled", &why);
    return dm_deny_away(req, what, r, err);
}

static int order(dm_req *req, dm_api *api, const work *w, dm_err *err)
{
    dm_wk_stopped stopped = {0};
    dm_dispatch_no no;
    dm_sandbox_move_args move;
    int r = dm_dispatch_pause(api->dispatch, w->id, w->one.s.epoch, DM_CAUSE_PAUSED, &stopped, &no, err);
    if (r == DM_DISPATCH_REFUSED)
        return refused(req, api, w, &no, err);
    if (r < 0)
        return away(req, api, w, r, err);
    r = dm_settle_move_of(&stopped, w->session->who, &move, err);
    dm_wk_stopped_done(&stopped);
    if (r == 0)
        r = dm_settle(api, &w->session->caller, w->id, w->one.s.epoch, &move, NULL, err);
    if (r < 0)
        return r;
    return move.event == DM_SANDBOX_SLEPT ? done(req) : dm_deny_no_sandbox(req, what, w->id);
}

static int pause_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    dm_sandbox_id id;
    work w = {.session = dm_session_of(req), .id = &id, .now_us = dm_wall_us(api->clock)};
    int r = read_body(req, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = dm_sandbox_param(req->params[0], &id, err);
    if (r < 0)
        return r;
    uint64_t mark = dm_later_mark(api->later, &id);
    r = dm_api_tx(api, &w.session->caller, begin, &w, err);
    if (r == 0)
        r = order(req, api, &w, err);
    else if (r == NONE)
        r = dm_deny_no_sandbox(req, what, &id);
    else if (r == ASLEEP)
        r = asleep(req, &w);
    else if (r > 0) {
        w.session->joined = r == JOIN;
        r = dm_later_park(api->later, req, pause_one, ctx, &id, mark, err);
    }
    dm_sandbox_one_done(&w.one);
    return r;
}

int dm_route_sandbox_pause(dm_req *req, void *ctx, dm_err *err)
{
    return dm_later_hop(((dm_api *)ctx)->later, req, pause_one, ctx, err);
}
