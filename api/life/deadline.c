#include "api/life/deadline.h"

/* The row comes first, the worker second. Two requests at once may reach the worker in the other order than the row: so
 * whoever has told the worker looks at the row once more, and tells it again when it says something else. The last to
 * tell has always looked last. */
enum { ROUNDS = 8 };

typedef struct work {
    const dm_caller *caller;
    const dm_sandbox_id *id;
    int64_t want_us;
    bool later_only;
    int64_t if_end_us; /* write only when the end still is this one; 0: whatever it is */
    int64_t before_us;
    bool changed;
    dm_sandbox_one *one;
} work;

static int write_end(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    w->changed = false;
    int r = dm_sandbox_find(c, w->caller->owner, w->id, true, w->one, err);
    if (r != 0)
        return r < 0 ? r : DM_DEADLINE_NONE;
    const dm_sandbox *s = &w->one->s;
    if (s->state == DM_SANDBOX_PAUSING || s->state == DM_SANDBOX_RESUMING || s->state == DM_SANDBOX_STARTING)
        return DM_DEADLINE_BUSY;
    if (s->state != DM_SANDBOX_RUNNING)
        return DM_DEADLINE_NONE;
    w->before_us = s->end_us;
    if ((w->later_only && s->end_us >= w->want_us) || s->end_us == w->want_us)
        return 0;
    if (w->if_end_us != 0 && s->end_us != w->if_end_us)
        return 0;
    w->changed = true;
    return dm_sandbox_set_end(c, &w->one->s, w->want_us, err);
}

static void put_back(dm_api *api, const work *w, int64_t end_us, int64_t old_us)
{
    dm_sandbox_one one = {.rows = NULL};
    work back = {.caller = w->caller, .id = w->id, .want_us = old_us, .if_end_us = end_us, .one = &one};
    dm_err why = {0};
    if (dm_api_tx(api, w->caller, write_end, &back, &why) < 0)
        dm_log_err(api->log, DM_ERROR, "sandbox.deadline_not_put_back", &why);
    dm_sandbox_one_done(&one);
}

int dm_deadline_move(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, int64_t end_us, bool later_only,
        dm_sandbox_one *one, dm_dispatch_no *no, dm_err *err)
{
    work w = {.caller = caller, .id = id, .want_us = end_us, .later_only = later_only, .one = one};
    int r = dm_api_tx(api, caller, write_end, &w, err);
    if (r != 0 || !w.changed)
        return r;
    int64_t old_us = w.before_us;
    for (int round = 0; round < ROUNDS; round++) {
        const dm_sandbox *s = &one->s;
        const dm_wk_deadline m = {.epoch = s->epoch, .end_us = s->end_us, .pause_on_timeout = s->pause_on_timeout};
        r = dm_dispatch_deadline(api->dispatch, s->worker, id, &m, no, err);
        if (r == DM_DISPATCH_REFUSED) /* 404, 409: it has just ended or slept, and its event says so */
            return no->status == 404 || no->status == 409 ? DM_DEADLINE_NONE : DM_DEADLINE_REFUSED;
        if (r < 0) {
            put_back(api, &w, end_us, old_us);
            return dm_dispatch_unheard(r) ? DM_DEADLINE_AWAY : DM_DEADLINE_SLOW;
        }
        r = dm_api_find(api, caller, id, one, err);
        if (r != 0 || one->s.end_us == m.end_us || one->s.state != DM_SANDBOX_RUNNING)
            return r < 0 ? r : 0;
    }
    return dm_fail(err, DM_E_CONFLICT, "the deadline is being moved by too many at once");
}
