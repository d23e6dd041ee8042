#include "api/life/kill.h"

#include <stdio.h>

#include "api/life/settle.h"

typedef struct work {
    const dm_caller *caller;
    const dm_sandbox_id *id;
    int64_t now_us, by, epoch;
    dm_worker_no worker;
    dm_cause cause;
    const char *reason; /* an operator's; NULL: it is its own owner */
    bool again;         /* another kill was first */
} work;

/* What is ending already was asked to by another kill, which may never have reached the worker: it is ordered again, so
 * that NONE also means that nothing runs or is billed any more. */
static int begin(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_sandbox_move_args move = {.event = DM_SANDBOX_KILL,
            .who = w->caller->who,
            .at_us = w->now_us,
            .cause = w->reason != NULL ? w->cause : DM_CAUSE_NONE,
            .by = w->by};
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find(c, w->caller->owner, w->id, true, &one, err);
    if (r != 0)
        return r < 0 ? r : DM_KILL_NONE;
    w->epoch = one.s.epoch;
    w->worker = one.s.worker;
    w->again = one.s.state == DM_SANDBOX_ENDING && one.s.started_us != 0;
    if (w->again)
        return 0;
    if (one.s.state == DM_SANDBOX_STARTING || dm_sandbox_step_of(one.s.state, DM_SANDBOX_KILL) == NULL)
        return DM_KILL_NONE;
    r = dm_sandbox_move(c, &one.s, &move, err);
    if (r < 0 || w->reason == NULL)
        return r;
    return dm_sandbox_kill_audit(c, w->caller->owner, w->id, w->caller->who, w->reason, err);
}

static int order(dm_api *api, const work *w, dm_dispatch_no *no, dm_err *err)
{
    dm_wk_stopped stopped = {0};
    dm_sandbox_move_args move = {
            .event = DM_SANDBOX_GONE, .who = w->caller->who, .at_us = dm_wall_us(api->clock), .cause = w->cause};
    int r = dm_dispatch_kill(api->dispatch, w->worker, w->id, w->epoch, w->cause, &stopped, no, err);
    if (r == DM_DISPATCH_REFUSED && no->status != 404) {
        dm_settle_give_up(api, w->caller, w->id, w->epoch);
        return DM_KILL_REFUSED;
    }
    if (r < 0) {
        dm_settle_give_up(api, w->caller, w->id, w->epoch);
        return dm_dispatch_unheard(r) ? DM_KILL_AWAY : DM_KILL_SLOW;
    }
    if (r == 0)
        r = dm_settle_move_of(&stopped, w->caller->who, &move, err);
    dm_wk_stopped_done(&stopped);
    if (r >= 0)
        r = dm_settle(api, w->caller, w->id, w->epoch, &move, NULL, err);
    if (r < 0)
        return r;
    return r == DM_SETTLE_STALE && w->again ? DM_KILL_NONE : 0; /* NONE: it was killed by the other one */
}

static int run(dm_api *api, work *w, dm_dispatch_no *no, dm_err *err)
{
    w->now_us = dm_wall_us(api->clock);
    int r = dm_api_instance(api, &w->by, err);
    if (r == 0)
        r = dm_api_tx_first(api, w->caller, begin, w, err);
    if (r != 0)
        return r;
    dm_later_wake(api->later, w->id);
    return order(api, w, no, err);
}

int dm_kill_one(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_dispatch_no *no, dm_err *err)
{
    work w = {.caller = caller, .id = id, .cause = DM_CAUSE_KILLED};
    return run(api, &w, no, err);
}

typedef struct finding {
    const dm_sandbox_id *id;
    dm_owner owner;
} finding;

static int find_owner(dm_pg *c, void *arg, dm_err *err)
{
    finding *f = arg;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find_any(c, f->id, false, &one, err);
    if (r == 0)
        f->owner = one.s.owner;
    return r;
}

int dm_kill_by_operator(
        dm_api *api, const char *who, const char *reason, const dm_sandbox_id *id, dm_dispatch_no *no, dm_err *err)
{
    finding f = {.id = id};
    int r = dm_api_tx_ops(api, find_owner, &f, err);
    if (r != 0)
        return r < 0 ? r : DM_KILL_NONE;
    dm_caller caller = {.owner = f.owner};
    (void)snprintf(caller.who, sizeof caller.who, "%s", who);
    work w = {.caller = &caller, .id = id, .cause = DM_CAUSE_OPERATOR_KILLED, .reason = reason};
    return run(api, &w, no, err);
}
