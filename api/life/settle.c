#include "api/life/settle.h"

int dm_settle_row(dm_pg *c, dm_sandbox *s, int64_t epoch, const dm_sandbox_move_args *move, dm_err *err)
{
    if (s->epoch != epoch || dm_sandbox_step_of(s->state, move->event) == NULL)
        return DM_SETTLE_STALE;
    return dm_sandbox_move(c, s, move, err);
}

typedef struct work {
    const dm_caller *caller;
    const dm_sandbox_id *id;
    int64_t epoch;
    const dm_sandbox_move_args *move;
    dm_sandbox_one one;
} work;

static int settle(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = w->caller != NULL ? dm_sandbox_find(c, w->caller->owner, w->id, true, &w->one, err)
                              : dm_sandbox_find_any(c, w->id, true, &w->one, err);
    if (r != 0)
        return r < 0 ? r : DM_SETTLE_STALE;
    return dm_settle_row(c, &w->one.s, w->epoch, w->move, err);
}

int dm_settle(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t epoch,
        const dm_sandbox_move_args *move, dm_sandbox_one *out, dm_err *err)
{
    work w = {.caller = caller, .id = id, .epoch = epoch, .move = move};
    int r = caller != NULL ? dm_api_tx(api, caller, settle, &w, err) : dm_api_tx_ops(api, settle, &w, err);
    dm_later_wake(api->later, id);
    if (out != NULL) {
        dm_sandbox_one_done(out);
        *out = w.one;
    } else {
        dm_sandbox_one_done(&w.one);
    }
    return r;
}

static int give_up(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_sandbox_find(c, w->caller->owner, w->id, true, &w->one, err);
    return r != 0 || w->one.s.epoch != w->epoch ? r : dm_sandbox_give_up(c, &w->one.s, err);
}

void dm_settle_give_up(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t epoch)
{
    work w = {.caller = caller, .id = id, .epoch = epoch};
    dm_err err = {0};
    if (dm_api_tx(api, caller, give_up, &w, &err) < 0)
        dm_log_err(api->log, DM_WARN, "sandbox.not_given_up", &err);
    dm_sandbox_one_done(&w.one);
}

int dm_settle_event_of(dm_str state, dm_str cause, dm_sandbox_move_args *out, dm_err *err)
{
    int r = dm_cause_parse(cause, &out->cause, err);
    if (r < 0)
        return r;
    const dm_cause_row *row = dm_cause_get(out->cause);
    bool asleep = dm_str_eq_c(state, "asleep");
    if (!asleep && !dm_str_eq_c(state, "ended"))
        return dm_fail(err, DM_E_INVALID, "\"state\" must be asleep or ended");
    if (asleep ? !row->sleeps : !row->ends)
        return dm_fail(err, DM_E_INVALID, "nothing is %s because of %s", asleep ? "asleep" : "ended", row->name);
    out->event = asleep ? DM_SANDBOX_SLEPT : DM_SANDBOX_GONE;
    return 0;
}

int dm_settle_move_of(const dm_wk_stopped *stopped, const char *who, dm_sandbox_move_args *out, dm_err *err)
{
    dm_sandbox_move_args m = {.who = who, .at_us = stopped->at_us, .image_mib = stopped->image_mib};
    int r = dm_settle_event_of(dm_str_c(stopped->state), dm_str_c(stopped->cause), &m, err);
    if (r == 0)
        *out = m;
    return r < 0 ? dm_wrap(err, "worker's answer") : 0;
}
