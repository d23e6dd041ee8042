/* tenants/sandbox/row.h: a sandbox's row as the database has it, and the ways to find it: one, a list, what the door
 * may know. All of it is in sql_sandbox.c and only reads; what changes a row is in tenants/sandbox/sandbox.h. Whoever
 * calls has opened the transaction and set its scope. */
#ifndef DM_TENANTS_SANDBOX_ROW_H
#define DM_TENANTS_SANDBOX_ROW_H

#include "base/pg.h"
#include "base/wire/cause.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "tenants/limits.h"
#include "tenants/sandbox/state.h"

/* A row. Strings are borrowed: of what was read, from the rows it was read from. Times are microseconds, 0 for none. */
typedef struct dm_sandbox {
    dm_owner owner;
    dm_sandbox_id id;
    dm_sandbox_state state;
    int64_t epoch;
    dm_cause cause;
    dm_str detail;
    int64_t region_no;
    dm_worker_no worker; /* 0: none yet */
    dm_str address;
    dm_key_no key;
    dm_str template_id, build_id, alias; /* alias.p NULL: none */
    int64_t asked_vcpus, asked_mem_mib;
    int64_t spec_table, spec, disk_mib;
    bool secure;
    dm_str token_sealed, env_sealed;
    dm_str metadata, network; /* JSON objects */
    int allow_internet;       /* 0, 1, or -1: never set */
    bool pause_on_timeout, auto_resume;
    int64_t timeout_s, idle_s; /* idle_s 0: it does not sleep when idle */
    dm_str previous_attestation;
    int64_t created_us, started_us, end_us, paused_us, ended_us;
    int64_t unanswered; /* wakes in a row that its guest did not answer */
    int64_t image_mib;  /* what its image took when it last slept; of one that has not, 0 */
    bool forked;        /* it began with the memory and the disk of parent */
    dm_sandbox_id parent;
    int64_t ordered_by; /* the instance of the API that carries out what the row waits for; 0: nobody any more */
} dm_sandbox;

/* One row and what its strings point into. Zero it first; dm_sandbox_one_done is fine on a zeroed one. */
typedef struct dm_sandbox_one {
    dm_sandbox s;
    dm_pg_rows *rows;
} dm_sandbox_one;
void dm_sandbox_one_done(dm_sandbox_one *o);
#define DM_AUTO_SANDBOX __attribute__((cleanup(dm_sandbox_one_done), unused)) dm_sandbox_one

enum { DM_SANDBOX_NONE = 1 };

/* lock: FOR UPDATE. What o held is let go first. 0 or DM_SANDBOX_NONE. */
int dm_sandbox_find(
        dm_pg *c, dm_owner owner, const dm_sandbox_id *id, bool lock, dm_sandbox_one *o, dm_err *err) DM_NODISCARD;
/* The same without a lock, as the last statement of its transaction (dm_pg_exec_last). */
int dm_sandbox_look(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, dm_sandbox_one *o, dm_err *err) DM_NODISCARD;
/* The same of anybody's (role dm_ops), without what is sealed. */
int dm_sandbox_find_any(dm_pg *c, const dm_sandbox_id *id, bool lock, dm_sandbox_one *o, dm_err *err) DM_NODISCARD;

/* --- lists -------------------------------------------------------------------------------------------------- */

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
int dm_sandbox_list(dm_pg *c, dm_owner owner, const dm_sandbox_filter *f, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_sandbox_read(const dm_pg_rows *rows, size_t i, dm_sandbox *out, dm_err *err) DM_NODISCARD;
/* Of those that run, how many the filter leaves, whatever page it asks for. */
int dm_sandbox_count_running(
        dm_pg *c, dm_owner owner, const dm_sandbox_filter *f, int64_t *out, dm_err *err) DM_NODISCARD;

/* --- who carries out what a row waits for ------------------------------------------------------------------- */

/* A number for an instance of the API, and a lock that says that it lives: held by c for as long as c is open. */
int dm_instance_new(dm_pg *c, int64_t *no, dm_err *err) DM_NODISCARD;
/* The same number once more, on a new connection. */
int dm_instance_lock(dm_pg *c, int64_t no, dm_err *err) DM_NODISCARD;

/* How many live now. */
int dm_instance_count(dm_pg *c, int64_t *n, dm_err *err) DM_NODISCARD;

/* Rows in the middle of a transition that nobody carries out: given up, or left by an instance that is gone, or older
 * than stuck_s. own: this instance, which lives whatever the database has heard of it. Ids in bytes, one a row, oldest
 * first, at most DM_ORPHANS_MAX (role dm_ops). */
int dm_sandbox_orphans(dm_pg *c, int64_t own, int64_t stuck_s, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

/* Rows that have not ended, of hosts that were written off (tenants/fleet/fleet.h): of this worker, or (0) of any. Ids
 * in bytes and numbers of workers, at most limit (role dm_ops). */
int dm_sandbox_lost(dm_pg *c, dm_worker_no worker, int64_t limit, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

typedef struct dm_sandbox_window {
    int64_t from_us, to_us; /* both included; to_us 0: to the last one */
    bool newest_first;      /* also says which ones are left out where there are more than limit */
    int64_t limit;
    dm_str causes; /* an array of PostgreSQL's: only what has one of these causes; .p NULL: all */
    dm_str search; /* only what has this in its "state: why"; .n 0: all */
} dm_sandbox_window;

/* Its history: at_us, epoch, from, to, cause, why, who. In the order of time, and where that is the same, of writing.
 */
int dm_sandbox_history(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, const dm_sandbox_window *window,
        dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

/* --- the door ----------------------------------------------------------------------------------------------- */

/* What the door may know of a sandbox before any project is known. */
typedef struct dm_sandbox_at_door {
    dm_owner owner;
    dm_sandbox_state state;
    int64_t epoch;
    dm_str door, address; /* the worker's upstream name; the slot's address */
    bool secure, auto_resume;
    dm_str network, token_sealed;
    dm_pg_rows *rows; /* what the strings point into: the caller frees it */
} dm_sandbox_at_door;

/* 0 or DM_SANDBOX_NONE. Any scope. The last statement of its transaction. */
int dm_sandbox_find_at_door(dm_pg *c, const dm_sandbox_id *id, dm_sandbox_at_door *out, dm_err *err) DM_NODISCARD;

/* Whose token may have signed a file URL that names nobody. Any scope. */
typedef struct dm_sandbox_signer {
    dm_sandbox_id id;
    dm_str token_sealed; /* borrowed of the rows */
    int64_t changed_us;
} dm_sandbox_signer;

/* At most `most` that changed at since_us or later, newest first. The caller frees rows; dm_sandbox_read_signer takes
 * one row each. */
int dm_sandbox_signers(dm_pg *c, int64_t since_us, int64_t most, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_sandbox_read_signer(const dm_pg_rows *rows, size_t i, dm_sandbox_signer *out, dm_err *err) DM_NODISCARD;

#endif
