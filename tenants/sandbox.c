#include "tenants/sandbox.h"

#include <assert.h>

#include "tenants/sql.h"

/* --- the machine -------------------------------------------------------------------------------------------- */

static const dm_sandbox_step steps[] = {
        {DM_SANDBOX_STARTING, DM_SANDBOX_STARTED, DM_SANDBOX_RUNNING, "the worker handed it out"},
        {DM_SANDBOX_STARTING, DM_SANDBOX_SLEPT, DM_SANDBOX_PAUSED, "its deadline was quicker than our answer"},
        {DM_SANDBOX_STARTING, DM_SANDBOX_KILL, DM_SANDBOX_ENDING,
                "nobody knows what became of the start: take it back"},
        {DM_SANDBOX_STARTING, DM_SANDBOX_GONE, DM_SANDBOX_ENDED, "it could not be started, or ended at once"},
        {DM_SANDBOX_RUNNING, DM_SANDBOX_PAUSE, DM_SANDBOX_PAUSING, "asked to sleep"},
        {DM_SANDBOX_RUNNING, DM_SANDBOX_SLEPT, DM_SANDBOX_PAUSED, "the worker put it to sleep"},
        {DM_SANDBOX_RUNNING, DM_SANDBOX_KILL, DM_SANDBOX_ENDING, "asked to end"},
        {DM_SANDBOX_RUNNING, DM_SANDBOX_GONE, DM_SANDBOX_ENDED, "it ended on its worker"},
        {DM_SANDBOX_PAUSING, DM_SANDBOX_SLEPT, DM_SANDBOX_PAUSED, "memory and disk are durable"},
        {DM_SANDBOX_PAUSING, DM_SANDBOX_PAUSE_FAILED, DM_SANDBOX_RUNNING, "it could not be put to sleep and runs on"},
        {DM_SANDBOX_PAUSING, DM_SANDBOX_KILL, DM_SANDBOX_ENDING, "asked to end while it went to sleep"},
        {DM_SANDBOX_PAUSING, DM_SANDBOX_GONE, DM_SANDBOX_ENDED, "it ended before it slept"},
        {DM_SANDBOX_PAUSED, DM_SANDBOX_RESUME, DM_SANDBOX_RESUMING, "asked to wake"},
        {DM_SANDBOX_PAUSED, DM_SANDBOX_KILL, DM_SANDBOX_ENDING, "asked to end in its sleep"},
        {DM_SANDBOX_PAUSED, DM_SANDBOX_GONE, DM_SANDBOX_ENDED, "it ended in its sleep"},
        {DM_SANDBOX_RESUMING, DM_SANDBOX_STARTED, DM_SANDBOX_RUNNING, "the worker woke it"},
        {DM_SANDBOX_RESUMING, DM_SANDBOX_RESUME_FAILED, DM_SANDBOX_PAUSED, "it could not be woken and sleeps on"},
        {DM_SANDBOX_RESUMING, DM_SANDBOX_SLEPT, DM_SANDBOX_PAUSED, "its deadline was quicker than our answer"},
        {DM_SANDBOX_RESUMING, DM_SANDBOX_KILL, DM_SANDBOX_ENDING, "asked to end while it woke"},
        {DM_SANDBOX_RESUMING, DM_SANDBOX_GONE, DM_SANDBOX_ENDED, "it ended while it woke"},
        {DM_SANDBOX_ENDING, DM_SANDBOX_GONE, DM_SANDBOX_ENDED, "the worker let go of it"},
};

const dm_sandbox_step *dm_sandbox_steps(size_t *n)
{
    *n = DM_LEN(steps);
    return steps;
}

const dm_sandbox_step *dm_sandbox_step_of(dm_sandbox_state from, dm_sandbox_event event)
{
    for (size_t i = 0; i < DM_LEN(steps); i++)
        if (steps[i].from == from && steps[i].event == event)
            return &steps[i];
    return NULL;
}

bool dm_sandbox_holds(dm_sandbox_state state)
{
    switch (state) {
    case DM_SANDBOX_STARTING:
    case DM_SANDBOX_RUNNING:
    case DM_SANDBOX_PAUSING:
    case DM_SANDBOX_RESUMING:
        return true;
    case DM_SANDBOX_PAUSED:
    case DM_SANDBOX_ENDING:
    case DM_SANDBOX_ENDED:
    case DM_SANDBOX_STATES:
        return false;
    }
    return false;
}

static const char *const state_names[DM_SANDBOX_STATES] = {
        "starting", "running", "pausing", "paused", "resuming", "ending", "ended"};
static const char *const event_names[DM_SANDBOX_EVENTS] = {
        "started", "pause", "pause_failed", "slept", "resume", "resume_failed", "kill", "gone"};

const char *dm_sandbox_state_name(dm_sandbox_state state)
{
    assert(state < DM_SANDBOX_STATES);
    return state_names[state];
}

const char *dm_sandbox_event_name(dm_sandbox_event event)
{
    assert(event < DM_SANDBOX_EVENTS);
    return event_names[event];
}

int dm_sandbox_state_parse(dm_str name, dm_sandbox_state *out, dm_err *err)
{
    for (unsigned i = 0; i < DM_SANDBOX_STATES; i++) {
        if (dm_str_eq_c(name, state_names[i])) {
            *out = (dm_sandbox_state)i;
            return 0;
        }
    }
    return dm_fail(err, DM_E_INVALID, "no state '%.*s'", (int)(name.n < 32 ? name.n : 32), name.p);
}

/* --- the writer --------------------------------------------------------------------------------------------- */

/* What the row is after a step. Pure: what is in args is trusted only where the step says it has a meaning. */
static dm_sandbox after(const dm_sandbox *s, const dm_sandbox_step *step, const dm_sandbox_move_args *a)
{
    static const dm_str none = {NULL, 0};
    dm_sandbox next = *s;
    next.state = step->to;
    switch (step->event) {
    case DM_SANDBOX_STARTED:
        next.started_us = a->at_us;
        next.end_us = a->end_us;
        next.address = a->address;
        next.cause = DM_CAUSE_NONE;
        next.paused_us = 0;
        break;
    case DM_SANDBOX_SLEPT:
        next.cause = a->cause;
        next.paused_us = a->at_us;
        next.end_us = a->at_us;
        next.address = none;
        if (next.started_us == 0)
            next.started_us = a->at_us;
        break;
    case DM_SANDBOX_RESUME:
        next.epoch++;
        break;
    case DM_SANDBOX_GONE:
        next.cause = a->cause;
        next.detail = a->detail;
        next.ended_us = a->at_us;
        next.address = none;
        break;
    case DM_SANDBOX_PAUSE:
    case DM_SANDBOX_PAUSE_FAILED:
    case DM_SANDBOX_RESUME_FAILED:
    case DM_SANDBOX_KILL:
    case DM_SANDBOX_EVENTS:
        break;
    }
    return next;
}

static int charge(dm_pg *c, const dm_sandbox *s, bool held, bool holds, const dm_sandbox_move_args *a, dm_err *err)
{
    if (held == holds)
        return 0;
    if (held)
        return dm_quota_give(c, s->account_no, s->project_no, err);
    assert(a->limits != NULL && a->over != NULL); /* only RESUME comes here */
    int r = dm_quota_take(c, s->account_no, s->project_no, a->limits, a->over, err);
    return r == DM_QUOTA_OVER ? DM_SANDBOX_OVER : r;
}

int dm_sandbox_move(dm_pg *c, dm_sandbox *s, const dm_sandbox_move_args *a, dm_err *err)
{
    const dm_sandbox_step *step = dm_sandbox_step_of(s->state, a->event);
    if (step == NULL)
        return dm_fail(err, DM_E_CONFLICT, "sandbox %s is %s: %s means nothing to it", dm_sandbox_name_of(&s->id).s,
                dm_sandbox_state_name(s->state), dm_sandbox_event_name(a->event));
    dm_sandbox next = after(s, step, a);
    int r = dm_sql_sandbox_write(c, s, &next, err);
    if (r == 0)
        r = dm_sql_sandbox_event_add(c, s, &next, a->at_us, step->why, a->who, err);
    if (r == 0)
        r = charge(c, s, dm_sandbox_holds(step->from), dm_sandbox_holds(step->to), a, err);
    if (r == 0)
        *s = next;
    return r < 0 ? dm_wrap(err, "sandbox %s", dm_sandbox_name_of(&s->id).s) : r;
}

int dm_sandbox_add(
        dm_pg *c, const dm_sandbox *s, const dm_limits *limits, const char *who, dm_quota_over *over, dm_err *err)
{
    dm_sandbox fresh = *s;
    fresh.state = DM_SANDBOX_STARTING;
    fresh.epoch = 1;
    int r = dm_sql_sandbox_insert(c, &fresh, err);
    if (r == 0)
        r = dm_sql_sandbox_event_add(c, NULL, &fresh, s->created_us, "asked to start", who, err);
    if (r == 0)
        r = dm_quota_take(c, s->account_no, s->project_no, limits, over, err);
    if (r == DM_QUOTA_OVER)
        return DM_SANDBOX_OVER;
    return r < 0 ? dm_wrap(err, "sandbox %s", dm_sandbox_name_of(&s->id).s) : 0;
}

int dm_sandbox_set_end(dm_pg *c, dm_sandbox *s, int64_t end_us, dm_err *err)
{
    dm_sandbox next = *s;
    next.end_us = end_us;
    int r = dm_sql_sandbox_write(c, s, &next, err);
    if (r == 0)
        *s = next;
    return r;
}

void dm_sandbox_one_done(dm_sandbox_one *o)
{
    dm_pg_rows_free(o->rows);
    o->rows = NULL;
}
