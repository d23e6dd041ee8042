/* tenants/sandbox/quota.h: how many sandboxes run now, of a project and of its account; and what those of a project
 * that sleep take on their hosts. A charge is taken in the transaction that makes the sandbox start or wake, and given
 * back in the one that ends it or puts it to sleep: what is counted is what the rows say. Only
 * tenants/sandbox/sandbox.c takes and gives. */
#ifndef DM_TENANTS_SANDBOX_QUOTA_H
#define DM_TENANTS_SANDBOX_QUOTA_H

#include "base/pg.h"
#include "base/wire/number.h"

#include "tenants/plan/limits.h"

enum { DM_QUOTA_OVER = 1 };

typedef struct dm_quota_over {
    bool account; /* the account's cap binds, else the project's */
    int64_t limit;
    int64_t current;
} dm_quota_over;

/* 0 or DM_QUOTA_OVER, which says by whose limit; then the transaction must be rolled back. */
int dm_quota_take(dm_pg *c, dm_owner owner, const dm_limits *limits, dm_quota_over *over, dm_err *err) DM_NODISCARD;
int dm_quota_give(dm_pg *c, dm_owner owner, dm_err *err) DM_NODISCARD;

/* So many MiB more, or less, are asleep. A sleep is counted when it has happened, and cannot be refused any more:
 * whoever begins one asks for the room first. */
int dm_quota_asleep(dm_pg *c, dm_owner owner, int64_t more_mib, dm_err *err) DM_NODISCARD;
/* What is left for another sleeper; DM_QUOTA_OVER: nothing. over is filled in either case. */
int dm_quota_room(
        dm_pg *c, dm_owner owner, const dm_limits *limits, int64_t *mib, dm_quota_over *over, dm_err *err) DM_NODISCARD;

#endif
