/* tenants/sandbox/sql.h: the statements of this room that its other files call. Whoever calls has opened the
 * transaction and set its scope. */
#ifndef DM_TENANTS_SANDBOX_SQL_H
#define DM_TENANTS_SANDBOX_SQL_H

#include "tenants/sandbox/quota.h"
#include "tenants/sandbox/row.h"

enum { DM_SQL_FULL = 1, DM_SQL_ACCOUNT_FULL = 2 };

/* Both rows, the project's and the account's. DM_SQL_FULL: a limit of the project is reached, DM_SQL_ACCOUNT_FULL: one
 * of the account's. */
int dm_sql_quota_take(
        dm_pg *c, dm_owner owner, const dm_quota_size *size, const dm_limits *l, dm_err *err) DM_NODISCARD;
int dm_sql_quota_give(
        dm_pg *c, dm_owner owner, const dm_quota_size *size, int64_t asleep_mib, dm_err *err) DM_NODISCARD;
/* Of one row (a project of 0 is the account's own): how many run, their vCPUs, their memory. */
int dm_sql_quota_read(dm_pg *c, dm_owner owner, int64_t out[3], dm_err *err) DM_NODISCARD;

int dm_sql_quota_asleep(dm_pg *c, dm_owner owner, int64_t more_mib, dm_err *err) DM_NODISCARD;
int dm_sql_quota_asleep_read(dm_pg *c, dm_owner owner, int64_t *out, dm_err *err) DM_NODISCARD;

int dm_sql_sandbox_insert(dm_pg *c, const dm_sandbox *s, dm_err *err) DM_NODISCARD;
/* DM_E_CONFLICT when the row is not in old's state and epoch. */
int dm_sql_sandbox_write(dm_pg *c, const dm_sandbox *old, const dm_sandbox *next, dm_err *err) DM_NODISCARD;
/* old NULL: it is new. */
int dm_sql_sandbox_event_add(dm_pg *c, const dm_sandbox *old, const dm_sandbox *next, int64_t at_us, const char *why,
        const char *who, dm_err *err) DM_NODISCARD;

#endif
