/* tenants/sandbox/expiry.h: how long a sandbox may sleep (the limit asleep_days_max), in steps that each are one
 * transaction and may be done again (role dm_ops), by whoever, by many at once:
 *
 *     asleep --its days are nearly over--> noticed --expires_at--> ending, as retention_expired
 *        ^                                    |
 *        +--woken; or the limit was raised; or the project is held, and could wake nothing
 *
 * A notice is given in the transaction that writes its letter, one a project and day, and is as long as it says: a
 * limit that was set or lowered today ends nothing before it. A limit that was lowered after it does not bring it
 * forward. A project without the limit is never looked at more closely. */
#ifndef DM_TENANTS_SANDBOX_EXPIRY_H
#define DM_TENANTS_SANDBOX_EXPIRY_H

#include "tenants/limits.h"
#include "tenants/sandbox/row.h"

enum { DM_EXPIRY_NONE = 1 }; /* nothing is to be done here, or another has done it */

/* The projects with a number above after and up to *upto are the next to be looked at, DM_EXPIRY_PROJECTS of them at
 * most; DM_EXPIRY_NONE: there is none above it. */
int dm_expiry_window(dm_pg *c, int64_t after, int64_t *upto, dm_err *err) DM_NODISCARD;
/* Of those, notices that do not stand any more are taken away, at most DM_EXPIRIES_MAX. */
int dm_expiry_void(dm_pg *c, int64_t after, int64_t upto, dm_err *err) DM_NODISCARD;

typedef struct dm_expiry_told {
    int64_t sandboxes, letters;
} dm_expiry_told;

/* Of those, the ones in which notices are to be given: rows of an owner each, for dm_expiry_owner. A day is added to
 * the notice, since the next letter comes a day later. */
int dm_expiry_projects(
        dm_pg *c, int64_t after, int64_t upto, int64_t notice_s, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
dm_owner dm_expiry_owner(const dm_pg_rows *rows, size_t i);
/* Notices for a project's sleepers, at most DM_EXPIRY_NOTICES_MAX, and a letter to each of its owners and admins; in
 * the scope of its account. 0 or DM_EXPIRY_NONE. */
int dm_expiry_notice(dm_pg *c, dm_owner owner, int64_t notice_s, dm_expiry_told *told, dm_err *err) DM_NODISCARD;

typedef struct dm_expiry_due {
    dm_owner owner;
    dm_sandbox_id sandbox;
} dm_expiry_due;

/* Notices whose time has come, the oldest first, at most DM_EXPIRIES_MAX. */
int dm_expiries_due(dm_pg *c, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_expiry_due_read(const dm_pg_rows *rows, size_t i, dm_expiry_due *out, dm_err *err) DM_NODISCARD;
/* The notice goes. Where it stood, the sandbox is ending from the commit on (*ended), and the sweep has its worker end
 * it; where not, the sandbox sleeps on and gets another one in its time. 0 or DM_EXPIRY_NONE. */
int dm_expiry_end_one(
        dm_pg *c, const dm_expiry_due *due, int64_t notice_s, int64_t now_us, bool *ended, dm_err *err) DM_NODISCARD;

#endif
