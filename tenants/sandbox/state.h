/* tenants/sandbox/state.h: the states of a sandbox's row, and the table that leads from one to the next. Pure.
 *
 *     (nothing) -> starting -> running <-> pausing -> paused -> resuming -> running
 *     and from each of them -> ending -> ended, or straight to ended when the worker says so.
 *
 * The database is the truth about what a sandbox should be, a worker about what it is. So an order is written here
 * first (pausing, resuming, ending), then given to the worker, then its answer is written; what the worker did by
 * itself (a timeout, a crash) comes as an event of the same table. */
#ifndef DM_TENANTS_SANDBOX_STATE_H
#define DM_TENANTS_SANDBOX_STATE_H

#include "base/str.h"

typedef enum dm_sandbox_state {
    DM_SANDBOX_STARTING,
    DM_SANDBOX_RUNNING,
    DM_SANDBOX_PAUSING,
    DM_SANDBOX_PAUSED,
    DM_SANDBOX_RESUMING,
    DM_SANDBOX_ENDING,
    DM_SANDBOX_ENDED,
    DM_SANDBOX_STATES
} dm_sandbox_state;

typedef enum dm_sandbox_event {
    DM_SANDBOX_STARTED,       /* the worker handed it out */
    DM_SANDBOX_PAUSE,         /* order */
    DM_SANDBOX_PAUSE_FAILED,  /* it runs on */
    DM_SANDBOX_SLEPT,         /* durable */
    DM_SANDBOX_RESUME,        /* order: raises the epoch */
    DM_SANDBOX_RESUME_FAILED, /* it sleeps on */
    DM_SANDBOX_KILL,          /* order */
    DM_SANDBOX_GONE,          /* nothing of it is left */
    DM_SANDBOX_EVENTS
} dm_sandbox_event;

typedef struct dm_sandbox_step {
    dm_sandbox_state from;
    dm_sandbox_event event;
    dm_sandbox_state to;
    const char *why;
} dm_sandbox_step;

/* The whole table, for the test that walks it and whoever draws it. */
const dm_sandbox_step *dm_sandbox_steps(size_t *n);
/* NULL when the event means nothing in that state. */
const dm_sandbox_step *dm_sandbox_step_of(dm_sandbox_state from, dm_sandbox_event event);
bool dm_sandbox_holds(dm_sandbox_state state); /* quota */
const char *dm_sandbox_state_name(dm_sandbox_state state);
const char *dm_sandbox_event_name(dm_sandbox_event event);
int dm_sandbox_state_parse(dm_str name, dm_sandbox_state *out, dm_err *err) DM_NODISCARD;

#endif
