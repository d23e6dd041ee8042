#include "api/life/pause.h"

#include "api/life/settle.h"

typedef struct work {
    const dm_caller *caller;
    const dm_sandbox_id *id;
    dm_cause cause;
    int64_t now_us, mono_us, by, epoch;
    dm_worker_no worker;
    int64_t room_mib;
    dm_quota_over *over;
} work;

/* The room is asked for, not taken: what sleeps is counted when it sleeps. So of several at once each may find the same
 * room, and the sum is above the limit by what these take at most. */
static int ask_room(dm_pg *c, work *w, dm_err *err)
{
    dm_limits limits;
    int r = dm_auth_limits(c, w->caller, w->mono_us, &limits, err);
    if (r == 0)
        r = dm_quota_room(c, w->caller->owner, &limits, &w->room_mib, w->over, err);
    return r == DM_QUOTA_OVER ? DM_PAUSE_OVER : r;
}

/* What a policy puts to sleep asks for no room, whatever its cause. */
static bool by_call(const work *w)
{
    return w->cause == DM_CAUSE_PAUSED && !dm_str_starts(dm_str_c(w->caller->who), DM_STR("policy:"));
}

static int begin(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_sandbox_move_args move = {
            .event = DM_SANDBOX_PAUSE, .who = w->caller->who, .at_us = w->now_us, .by = w->by};
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find(c, w->caller->owner, w->id, true, &one, err);
    if (r != 0)
        return r < 0 ? r : DM_PAUSE_NONE;
    w->epoch = one.s.epoch;
    w->worker = one.s.worker;
    switch (one.s.state) {
    case DM_SANDBOX_RUNNING:
        r = by_call(w) ? ask_room(c, w, err) : 0;
        return r != 0 ? r : dm_sandbox_move(c, &one.s, &move, err);
    case DM_SANDBOX_PAUSED:
        return DM_PAUSE_ASLEEP;
    case DM_SANDBOX_PAUSING:
        return DM_PAUSE_JOIN;
    case DM_SANDBOX_RESUMING:
        return DM_PAUSE_BUSY;
    case DM_SANDBOX_STARTING:
    case DM_SANDBOX_ENDING:
    case DM_SANDBOX_ENDED:
    case DM_SANDBOX_STATES:
        break;
    }
    return DM_PAUSE_NONE;
}

static int refused(dm_api *api, const work *w, const dm_dispatch_no *no, dm_err *err)
{
    bool gone = no->status == 404;
    const dm_sandbox_move_args move = {.event = gone ? DM_SANDBOX_GONE : DM_SANDBOX_PAUSE_FAILED,
            .who = w->caller->who,
            .at_us = dm_wall_us(api->clock),
            .cause = no->cause != DM_CAUSE_NONE ? no->cause : DM_CAUSE_HOST_LOST,
            .detail = dm_str_c(no->message)};
    int r = dm_settle(api, w->caller, w->id, w->epoch, &move, NULL, err);
    return r < 0 ? r : gone ? DM_PAUSE_NONE : no->status == 429 ? DM_PAUSE_OVER : DM_PAUSE_REFUSED;
}

static int unanswered(dm_api *api, const work *w, int r)
{
    const dm_sandbox_move_args move = {
            .event = DM_SANDBOX_PAUSE_FAILED, .who = w->caller->who, .at_us = dm_wall_us(api->clock)};
    dm_err why = {0};
    if (!dm_dispatch_unheard(r))
        dm_settle_give_up(api, w->caller, w->id, w->epoch);
    else if (dm_settle(api, w->caller, w->id, w->epoch, &move, NULL, &why) < 0)
        dm_log_err(api->log, DM_ERROR, "sandbox.pause_not_settled", &why);
    return dm_dispatch_unheard(r) ? DM_PAUSE_AWAY : DM_PAUSE_SLOW;
}

static int order(dm_api *api, const work *w, dm_dispatch_no *no, dm_err *err)
{
    dm_wk_stopped stopped = {0};
    dm_sandbox_move_args move;
    int r = dm_dispatch_pause(api->dispatch, w->worker, w->id, w->epoch, w->cause, w->room_mib, &stopped, no, err);
    if (r == DM_DISPATCH_REFUSED)
        return refused(api, w, no, err);
    if (r < 0)
        return unanswered(api, w, r);
    r = dm_settle_move_of(&stopped, w->caller->who, &move, err);
    dm_wk_stopped_done(&stopped);
    if (r == 0)
        r = dm_settle(api, w->caller, w->id, w->epoch, &move, NULL, err);
    return r < 0 ? r : move.event == DM_SANDBOX_SLEPT ? 0 : DM_PAUSE_NONE;
}

int dm_pause_one(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_cause cause, dm_dispatch_no *no,
        dm_quota_over *over, dm_err *err)
{
    work w = {.caller = caller,
            .id = id,
            .cause = cause,
            .now_us = dm_wall_us(api->clock),
            .mono_us = dm_mono_us(api->clock),
            .over = over};
    int r = dm_api_instance(api, &w.by, err);
    if (r == 0)
        r = dm_api_tx(api, caller, begin, &w, err);
    return r != 0 ? r : order(api, &w, no, err);
}
