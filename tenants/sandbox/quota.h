/* tenants/sandbox/quota.h: what runs now, of a project and of its account: how many, and what they have of vCPUs and
 * memory together; and what those of a project that sleep take on their hosts. A charge is taken in the transaction
 * that makes the sandbox start or wake, and given back in the one that ends it or puts it to sleep: what is counted is
 * what the rows say. Only tenants/sandbox/sandbox.c takes and gives.
 *
 * All that an account does meets in two rows, and whoever has changed them holds them until its commit has reached the
 * disk. So a charge, or its return, is one statement for both, and the last one of its transaction; of a create it is a
 * part of that statement, and the commit goes with it. */
#ifndef DM_TENANTS_SANDBOX_QUOTA_H
#define DM_TENANTS_SANDBOX_QUOTA_H

#include "base/pg.h"
#include "base/wire/number.h"

#include "tenants/plan/limits.h"

enum { DM_QUOTA_OVER = 1 };

typedef struct dm_quota_size {
    int64_t vcpus, mem_mib;
} dm_quota_size;

typedef enum dm_quota_what { DM_QUOTA_RUNNING, DM_QUOTA_VCPUS, DM_QUOTA_MEM, DM_QUOTA_ASLEEP } dm_quota_what;

typedef struct dm_quota_over {
    dm_quota_what what;
    bool account; /* the account's cap binds, else the project's */
    int64_t limit;
    int64_t current;
} dm_quota_over;

/* One more, of that size. 0; or DM_QUOTA_OVER, which says by which limit, and nothing is charged. */
int dm_quota_take(dm_pg *c, dm_owner owner, const dm_quota_size *size, const dm_limits *limits, dm_quota_over *over,
        dm_err *err) DM_NODISCARD;
/* One less; so many MiB more of it are asleep. */
int dm_quota_give(dm_pg *c, dm_owner owner, const dm_quota_size *size, int64_t asleep_mib, dm_err *err) DM_NODISCARD;

/* So many MiB more, or less, are asleep. A sleep is counted when it has happened, and cannot be refused any more:
 * whoever begins one asks for the room first. */
int dm_quota_asleep(dm_pg *c, dm_owner owner, int64_t more_mib, dm_err *err) DM_NODISCARD;
/* What is left for another sleeper; DM_QUOTA_OVER: nothing. over is filled in either case. */
int dm_quota_room(
        dm_pg *c, dm_owner owner, const dm_limits *limits, int64_t *mib, dm_quota_over *over, dm_err *err) DM_NODISCARD;

#endif
