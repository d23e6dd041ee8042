/* tenants/sandbox/sandbox.h: the only way a sandbox's state changes.
 *
 * The epoch rises when a start or a wake is ordered, before any worker hears of it: an event of an older epoch is about
 * a past life and changes nothing.
 *
 * dm_sandbox_move is the only writer of the state: it writes row, history and quota in the caller's transaction. Quota
 * is held in exactly the states of dm_sandbox_holds. */
#ifndef DM_TENANTS_SANDBOX_SANDBOX_H
#define DM_TENANTS_SANDBOX_SANDBOX_H

#include "tenants/sandbox/quota.h"
#include "tenants/sandbox/row.h"

enum { DM_SANDBOX_OVER = 2, DM_SANDBOX_NO_PLACE = 3, DM_SANDBOX_STALE = 4 }; /* beside DM_SANDBOX_NONE */

typedef struct dm_sandbox_add_args {
    const dm_limits *limits;
    const char *who;
    bool from_snapshot;  /* its parent's memory comes from a snapshot of that one */
    dm_worker_no on;     /* there alone; 0: wherever there is room */
    int64_t lease_s;     /* a worker that has not been heard of for so long gets none */
    dm_quota_over *over; /* filled with DM_SANDBOX_OVER */
} dm_sandbox_add_args;

/* Finds a place for s, takes quota, and inserts it as `starting` with epoch 1; s->worker is then where. 0;
 * DM_SANDBOX_OVER or DM_SANDBOX_NO_PLACE: nothing was written. */
int dm_sandbox_add(dm_pg *c, dm_sandbox *s, const dm_sandbox_add_args *args, dm_err *err) DM_NODISCARD;

/* The same of several, of whatever projects, in a transaction that is in nobody's scope and ends with it. A row of
 * quota that another holds is waited for patience_ms (0: as long as it takes); then, as on any failure, none was added.
 */
enum { DM_SANDBOX_ROUND_MAX = 64 };
typedef struct dm_sandbox_adding {
    dm_sandbox *s;
    const dm_sandbox_add_args *args;
    int outcome; /* what dm_sandbox_add would have said */
} dm_sandbox_adding;
int dm_sandbox_add_all(
        dm_pg *c, dm_sandbox_adding *const *all, size_t n, unsigned patience_ms, dm_err *err) DM_NODISCARD;

typedef struct dm_sandbox_move_args {
    dm_sandbox_event event;
    const char *who; /* "key:UUID", "worker:1", "door", "policy:sweep" */
    int64_t at_us;
    dm_cause cause;          /* of SLEPT and GONE; of KILL, where it is ended for another reason than a call */
    dm_str detail;           /* of GONE */
    int64_t image_mib;       /* of SLEPT: what its image takes */
    int64_t end_us;          /* of STARTED */
    dm_str address;          /* of STARTED */
    const dm_limits *limits; /* of RESUME */
    dm_quota_over *over;     /* of RESUME: filled with DM_SANDBOX_OVER */
    int64_t by;              /* of PAUSE, RESUME and KILL: the instance that carries it out */
} dm_sandbox_move_args;

/* s must have been found with lock in this transaction; on 0 it is as the row now is (its strings may then point into
 * args). DM_E_CONFLICT when the event means nothing in s's state. DM_SANDBOX_OVER: roll back. */
int dm_sandbox_move(dm_pg *c, dm_sandbox *s, const dm_sandbox_move_args *args, dm_err *err) DM_NODISCARD;

/* STARTED, of one that is `starting` as far as whoever made it knows: it was not found again and is not locked. 0, or
 * DM_SANDBOX_STALE: the row has moved on, and nothing was written. */
int dm_sandbox_started(dm_pg *c, dm_sandbox *s, const dm_sandbox_move_args *args, dm_err *err) DM_NODISCARD;
/* The same of several, as dm_sandbox_add_all. */
typedef struct dm_sandbox_begun {
    dm_sandbox *s;
    const dm_sandbox_move_args *args;
    int outcome; /* what dm_sandbox_started would have said */
} dm_sandbox_begun;
int dm_sandbox_started_all(
        dm_pg *c, dm_sandbox_begun *const *all, size_t n, unsigned patience_ms, dm_err *err) DM_NODISCARD;

/* How long the next wake is to be waited for; 0: not at all. From the second wake in a row on that its guest did not
 * answer, longer each time, until one is answered; an hour later none of it counts. */
int64_t dm_sandbox_wake_wait_s(const dm_sandbox *s, int64_t now_us);

/* An operator's act (role dm_ops), with its line of the audit of the sandbox's project: it is ending from the commit
 * on, no door opens to it, and the sweep of the API has its worker end it, as operator_killed. 0, or DM_SANDBOX_NONE:
 * it is not there, has ended or is ending, or starts only now. */
int dm_sandbox_condemn(dm_pg *c, const dm_sandbox_id *id, const char *who, const char *reason, int64_t at_us,
        dm_err *err) DM_NODISCARD;
/* That line alone. */
int dm_sandbox_kill_audit(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, const char *who, const char *reason,
        dm_err *err) DM_NODISCARD;

/* A policy's: its time is over, for its project's removal or for how long it has slept. It is ending from the commit
 * on, as retention_expired, and the sweep has its worker end it. 0 or DM_SANDBOX_NONE, as above (role dm_ops). */
int dm_sandbox_expire(dm_pg *c, const dm_sandbox_id *id, const char *who, int64_t at_us, dm_err *err) DM_NODISCARD;

/* Another worker for one that starts, of a row found with lock. DM_E_CONFLICT when it does not start any more. */
int dm_sandbox_place(dm_pg *c, dm_sandbox *s, dm_worker_no worker, dm_err *err) DM_NODISCARD;

/* Its host, this worker, was written off: it ends as host_lost. 0, or DM_SANDBOX_NONE where it has ended, or has found
 * another host, since it was listed (role dm_ops). */
int dm_sandbox_end_lost(dm_pg *c, const dm_sandbox_id *id, dm_worker_no worker, const char *who, int64_t at_us,
        dm_err *err) DM_NODISCARD;

/* Whoever carried out what the row waits for knows no more than the row: the sweep takes it up. Of a row found with
 * lock; one that waits for nothing stays as it is. */
int dm_sandbox_give_up(dm_pg *c, dm_sandbox *s, dm_err *err) DM_NODISCARD;

/* Only the deadline, of a row found with lock. */
int dm_sandbox_set_end(dm_pg *c, dm_sandbox *s, int64_t end_us, dm_err *err) DM_NODISCARD;

#endif
