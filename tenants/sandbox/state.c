#include "tenants/sandbox/state.h"

#include <assert.h>

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
