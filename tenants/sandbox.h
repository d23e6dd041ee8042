/* tenants/sandbox.h: a sandbox's row and the only way its state changes.
 *
 *     (nothing) -> starting -> running <-> pausing -> paused -> resuming -> running
 *     and from each of them -> ending -> ended, or straight to ended when the worker says so.
 *
 * The database is the truth about what a sandbox should be, a worker about what it is. So an order is written here
 * first (pausing, resuming, ending), then given to the worker, then its answer is written; what the worker did by
 * itself (a timeout, a crash) comes as an event of the same table. The epoch rises when a start or a wake is ordered,
 * before any worker hears of it: an event of an older epoch is about a past life and changes nothing.
 *
 * dm_sandbox_move is the only writer of the state: it writes row, history and quota in the caller's transaction. Quota
 * is held in exactly the states of dm_sandbox_holds. */
#ifndef DM_TENANTS_SANDBOX_H
#define DM_TENANTS_SANDBOX_H

#include "base/pg.h"
#include "base/wire/cause.h"
#include "base/wire/id.h"

#include "tenants/quota.h"

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
bool dm_sandbox_holds(dm_sandbox_state state);
const char *dm_sandbox_state_name(dm_sandbox_state state);
const char *dm_sandbox_event_name(dm_sandbox_event event);
int dm_sandbox_state_parse(dm_str name, dm_sandbox_state *out, dm_err *err) DM_NODISCARD;

/* A row. Strings are borrowed: of what was read, from the rows it was read from. Times are microseconds, 0 for none. */
typedef struct dm_sandbox {
    int64_t account_no, project_no;
    dm_sandbox_id id;
    dm_sandbox_state state;
    int64_t epoch;
    dm_cause cause;
    dm_str detail;
    int64_t region_no, worker_no;
    dm_str address;
    int64_t key_no;
    dm_str template_id, build_id, alias; /* alias.p NULL: none */
    int64_t asked_vcpus, asked_mem_mib;
    int64_t spec_table, spec, disk_mib;
    bool secure;
    dm_str token_sealed, env_sealed;
    dm_str metadata, network; /* JSON objects */
    int allow_internet;       /* 0, 1, or -1: never set */
    bool pause_on_timeout, auto_resume;
    int64_t timeout_s;
    dm_str previous_attestation;
    int64_t created_us, started_us, end_us, paused_us, ended_us;
} dm_sandbox;

/* One row and what its strings point into. Zero it first; dm_sandbox_one_done is fine on a zeroed one. */
typedef struct dm_sandbox_one {
    dm_sandbox s;
    dm_pg_rows *rows;
} dm_sandbox_one;
void dm_sandbox_one_done(dm_sandbox_one *o);
#define DM_AUTO_SANDBOX __attribute__((cleanup(dm_sandbox_one_done), unused)) dm_sandbox_one

enum { DM_SANDBOX_NONE = 1, DM_SANDBOX_OVER = 2 };

/* Of a project, or with project_no 0 of anybody (role dm_ops). lock: FOR UPDATE. What o held is let go first. 0 or
 * DM_SANDBOX_NONE. */
int dm_sandbox_find(dm_pg *c, int64_t account_no, int64_t project_no, const dm_sandbox_id *id, bool lock,
        dm_sandbox_one *o, dm_err *err) DM_NODISCARD;

/* Inserts s as `starting` with epoch 1 and takes quota. 0, or DM_SANDBOX_OVER: roll back. */
int dm_sandbox_add(dm_pg *c, const dm_sandbox *s, const dm_limits *limits, const char *who, dm_quota_over *over,
        dm_err *err) DM_NODISCARD;

typedef struct dm_sandbox_move_args {
    dm_sandbox_event event;
    const char *who; /* "key:UUID", "worker:1", "door", "policy:sweep" */
    int64_t at_us;
    dm_cause cause;          /* of SLEPT and GONE */
    dm_str detail;           /* of GONE */
    int64_t end_us;          /* of STARTED */
    dm_str address;          /* of STARTED */
    const dm_limits *limits; /* of RESUME */
    dm_quota_over *over;     /* of RESUME: filled with DM_SANDBOX_OVER */
} dm_sandbox_move_args;

/* s must have been found with lock in this transaction; on 0 it is as the row now is (its strings may then point into
 * args). DM_E_CONFLICT when the event means nothing in s's state. DM_SANDBOX_OVER: roll back. */
int dm_sandbox_move(dm_pg *c, dm_sandbox *s, const dm_sandbox_move_args *args, dm_err *err) DM_NODISCARD;

/* Only the deadline, of a row found with lock. */
int dm_sandbox_set_end(dm_pg *c, dm_sandbox *s, int64_t end_us, dm_err *err) DM_NODISCARD;

/* --- lists -------------------------------------------------------------------------------------------------- */

enum { DM_SANDBOX_PAGE_MAX = 100 };

typedef struct dm_sandbox_filter {
    bool running, paused;
    dm_str metadata;          /* JSON object that must be contained; .p NULL: any */
    dm_str template_id;       /* .p NULL: any */
    int64_t started_after_us; /* inclusive; 0: any */
    bool ascending;
    bool from_cursor; /* only what comes after (cursor_us, cursor_id) in that order */
    int64_t cursor_us;
    dm_sandbox_id cursor_id;
    int64_t limit;
} dm_sandbox_filter;

/* What clients see as running or paused, in order. The caller frees rows; dm_sandbox_read takes one row each. */
int dm_sandbox_list(dm_pg *c, int64_t account_no, int64_t project_no, const dm_sandbox_filter *f, dm_pg_rows **rows,
        dm_err *err) DM_NODISCARD;
int dm_sandbox_read(const dm_pg_rows *rows, size_t i, dm_sandbox *out, dm_err *err) DM_NODISCARD;
int dm_sandbox_count_running(dm_pg *c, int64_t account_no, int64_t project_no, int64_t *out, dm_err *err) DM_NODISCARD;

/* Transitions that have stood longer than stuck_s: ids in bytes, one a row (role dm_ops). */
int dm_sandbox_stuck(dm_pg *c, int64_t stuck_s, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

/* Its history, oldest first, at most limit: at_us, epoch, from, to, cause, why, who. */
int dm_sandbox_history(dm_pg *c, int64_t account_no, int64_t project_no, const dm_sandbox_id *id, int64_t limit,
        dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

/* --- the door ----------------------------------------------------------------------------------------------- */

/* What the door may know of a sandbox before any project is known. */
typedef struct dm_sandbox_at_door {
    int64_t account_no, project_no;
    dm_sandbox_state state;
    int64_t epoch;
    dm_str door, address; /* the worker's upstream name; the slot's address */
    bool secure, auto_resume;
    dm_str network, token_sealed;
    dm_pg_rows *rows; /* what the strings point into: the caller frees it */
} dm_sandbox_at_door;

/* 0 or DM_SANDBOX_NONE. Any scope. */
int dm_sandbox_find_at_door(dm_pg *c, const dm_sandbox_id *id, dm_sandbox_at_door *out, dm_err *err) DM_NODISCARD;

#endif
