#include "api/life/wake.h"

#include <stdio.h>

#include "api/life/admit.h"
#include "api/life/settle.h"

void dm_wake_done(dm_wake *w)
{
    dm_sandbox_one_done(&w->one);
    dm_pg_rows_free(w->made.rows);
    w->made.rows = NULL;
}

typedef struct begin {
    const dm_caller *caller;
    dm_caller *unknown; /* the same, of whom nothing but the owner is known yet; NULL: all is known */
    const dm_sandbox_id *id;
    int64_t now_us, mono_us, by;
    dm_wake *out;
} begin_args;

static int find_caller(dm_pg *c, dm_caller *caller, dm_err *err)
{
    int r = dm_auth_of_project(c, caller->owner, caller, err);
    if (r < 0)
        return r;
    (void)snprintf(caller->who, sizeof caller->who, "door");
    return caller->banned || caller->blocked[0] != '\0' || caller->held[0] != '\0' ? DM_WAKE_BLOCKED : 0;
}

static int promise(dm_pg *c, dm_wake *w, dm_err *err)
{
    const dm_sandbox *s = &w->one.s;
    const dm_budget_size size = {s->region_no, s->spec_table, s->spec, s->disk_mib};
    int r = dm_budget_take(c, s->owner, &size, &w->short_, err);
    return r == DM_BUDGET_SHORT ? DM_WAKE_BUDGET : r;
}

static int begin(dm_pg *c, void *arg, dm_err *err)
{
    const begin_args *b = arg;
    dm_wake *w = b->out;
    dm_limits limits;
    const dm_sandbox_move_args move = {.event = DM_SANDBOX_RESUME,
            .who = b->caller->who,
            .at_us = b->now_us,
            .by = b->by,
            .limits = &limits,
            .over = &w->over};
    int r = b->unknown != NULL ? find_caller(c, b->unknown, err) : 0;
    if (r == 0)
        r = dm_auth_limits(c, b->caller, b->mono_us, &limits, err);
    if (r != 0)
        return r;
    r = dm_sandbox_find(c, b->caller->owner, b->id, true, &w->one, err);
    if (r != 0)
        return r < 0 ? r : DM_WAKE_NONE;
    switch (w->one.s.state) {
    case DM_SANDBOX_RUNNING:
        return DM_WAKE_RUNNING;
    case DM_SANDBOX_PAUSING:
    case DM_SANDBOX_RESUMING:
        return DM_WAKE_BUSY;
    case DM_SANDBOX_STARTING:
    case DM_SANDBOX_ENDING:
    case DM_SANDBOX_ENDED:
    case DM_SANDBOX_STATES:
        return DM_WAKE_NONE;
    case DM_SANDBOX_PAUSED:
        break;
    }
    w->wait_s = dm_sandbox_wake_wait_s(&w->one.s, b->now_us);
    if (w->wait_s > 0)
        return DM_WAKE_WAIT;
    r = dm_build_find(c, w->one.s.build_id, &w->made, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "a sleeper's build is gone");
    w->budgeted = limits.budgeted;
    r = w->budgeted ? promise(c, w, err) : 0;
    if (r == 0)
        r = dm_sandbox_move(c, &w->one.s, &move, err);
    return r == DM_SANDBOX_OVER ? DM_WAKE_QUOTA : r;
}

/* The image is not where it should be: nothing is left to wake. A guest that did not answer sleeps again, for that
 * reason. Any other no leaves the sleeper as it was. */
static int refused(dm_api *api, const begin_args *b, dm_err *err)
{
    dm_wake *w = b->out;
    bool gone = w->no.status == 404, mute = w->no.cause == DM_CAUSE_WAKE_UNANSWERED;
    int kept = w->no.cause == DM_CAUSE_OPERATOR_DRAINED ? DM_WAKE_DRAINED : DM_WAKE_REFUSED;
    const dm_sandbox_move_args move = {.event = gone   ? DM_SANDBOX_GONE
                                                : mute ? DM_SANDBOX_SLEPT
                                                       : DM_SANDBOX_RESUME_FAILED,
            .who = b->caller->who,
            .at_us = dm_wall_us(api->clock),
            .cause = w->no.cause != DM_CAUSE_NONE ? w->no.cause : DM_CAUSE_HOST_LOST,
            .detail = dm_str_c(w->no.message)};
    int r = dm_settle(api, b->caller, b->id, w->one.s.epoch, &move, NULL, err);
    return r < 0 ? r : gone ? DM_WAKE_NONE : mute ? DM_WAKE_UNANSWERED : kept;
}

/* Nobody knows whether it woke. It is told to sleep; when even that is not answered, the row stays as it is and the
 * sweep asks again. Its life is never risked for our not knowing. */
static int unanswered(dm_api *api, const begin_args *b, int r, const dm_err *why, dm_err *err)
{
    const dm_sandbox *s = &b->out->one.s;
    dm_sandbox_move_args move = {
            .event = DM_SANDBOX_RESUME_FAILED, .who = b->caller->who, .at_us = dm_wall_us(api->clock)};
    dm_wk_stopped stopped = {0};
    dm_dispatch_no no;
    dm_err ignored = {0};
    DM_LOG(api->log, DM_WARN, "sandbox.wake_unanswered", dm_fs("sandbox", dm_sandbox_name_of(&s->id).s),
            dm_fi("epoch", s->epoch), dm_fs("message", why->msg));
    bool settled = dm_dispatch_unheard(r);
    if (!settled && dm_dispatch_pause(api->dispatch, s->worker, &s->id, s->epoch, DM_CAUSE_PAUSED, 0, &stopped, &no,
                            &ignored) == 0)
        settled = dm_settle_move_of(&stopped, b->caller->who, &move, &ignored) == 0;
    dm_wk_stopped_done(&stopped);
    if (!settled)
        dm_settle_give_up(api, b->caller, b->id, s->epoch);
    else if (dm_settle(api, b->caller, b->id, s->epoch, &move, NULL, &ignored) < 0)
        dm_log_err(api->log, DM_ERROR, "sandbox.wake_not_settled", &ignored);
    (void)dm_fail(err, r, "wake: %s", why->msg);
    return dm_dispatch_unheard(r) ? DM_WAKE_AWAY : DM_WAKE_SLOW;
}

static int order(dm_api *api, const begin_args *b, int64_t timeout_s, dm_err *err)
{
    dm_wake *w = b->out;
    dm_admit admit;
    dm_wk_started started;
    dm_err why = {0};
    int r = dm_admit_fill(api, &w->one.s, &w->made, timeout_s * 1000000, &admit, &why);
    if (r == 0)
        admit.m.lease_s = w->budgeted ? DM_LEASE_FIRST_S : 0;
    if (r < 0) {
        w->no = (dm_dispatch_no){.status = 500, .message = "the order could not be made"};
        dm_log_err(api->log, DM_ERROR, "sandbox.wake_order", &why);
        return refused(api, b, err);
    }
    r = dm_dispatch_admit(api->dispatch, w->one.s.worker, &admit.m, true, &started, &w->no, &why);
    dm_admit_done(&admit);
    if (r == DM_DISPATCH_REFUSED)
        return refused(api, b, err);
    if (r < 0)
        return unanswered(api, b, r, &why, err);
    const dm_sandbox_move_args move = {.event = DM_SANDBOX_STARTED,
            .who = b->caller->who,
            .at_us = started.started_us,
            .end_us = started.end_us,
            .address = dm_str_c(started.address)};
    dm_sandbox_one after = {.rows = NULL};
    r = dm_settle(api, b->caller, b->id, w->one.s.epoch, &move, &after, err);
    (void)snprintf(w->address, sizeof w->address, "%s", started.address); /* of at most 15 characters */
    bool ended = r == DM_SETTLE_STALE && after.s.state != DM_SANDBOX_PAUSED;
    after.s.address = (dm_str){NULL, 0}; /* it points into what goes now */
    dm_wk_started_done(&started);
    dm_sandbox_one_done(&w->one);
    w->one = after;
    return r < 0 ? r : ended ? DM_WAKE_NONE : 0;
}

int dm_wake_up(
        dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t timeout_s, dm_wake *out, dm_err *err)
{
    begin_args b = {.caller = caller,
            .id = id,
            .now_us = dm_wall_us(api->clock),
            .mono_us = dm_mono_us(api->clock),
            .out = out};
    int r = dm_api_instance(api, &b.by, err);
    if (r == 0)
        r = dm_api_tx(api, caller, begin, &b, err);
    return r != 0 ? r : order(api, &b, timeout_s, err);
}

int dm_wake_by_traffic(dm_api *api, dm_caller *caller, const dm_sandbox_id *id,
        int64_t (*timeout_of)(const dm_caller *caller, int64_t given_s), dm_wake *out, dm_err *err)
{
    begin_args b = {.caller = caller, .unknown = caller, .id = id, .now_us = dm_wall_us(api->clock), .out = out};
    int r = dm_api_instance(api, &b.by, err);
    if (r == 0)
        r = dm_api_tx(api, caller, begin, &b, err);
    return r != 0 ? r : order(api, &b, timeout_of(caller, out->one.s.timeout_s), err);
}
