/* tenants/who/sql.h: the statements of this folder, one a function, for this folder alone. Whoever calls has opened the
 * transaction and set its scope. */
#ifndef DM_TENANTS_SQL_H
#define DM_TENANTS_SQL_H

#include "tenants/sandbox/row.h"
#include "tenants/who/auth.h"

enum { DM_SQL_NONE = 1 }; /* no such row, or none that could be changed */

int dm_sql_key_find(dm_pg *c, const dm_digest *digest, dm_caller *out, dm_err *err) DM_NODISCARD;
int dm_sql_project_find(dm_pg *c, int64_t account_no, int64_t project_no, dm_caller *out, dm_err *err) DM_NODISCARD;

/* DM_SQL_NONE at the limit. */
int dm_sql_quota_take(dm_pg *c, int64_t account_no, int64_t project_no, int64_t limit, dm_err *err) DM_NODISCARD;
int dm_sql_quota_give(dm_pg *c, int64_t account_no, int64_t project_no, dm_err *err) DM_NODISCARD;
int dm_sql_quota_read(dm_pg *c, int64_t account_no, int64_t project_no, int64_t *out, dm_err *err) DM_NODISCARD;

int dm_sql_sandbox_insert(dm_pg *c, const dm_sandbox *s, dm_err *err) DM_NODISCARD;
/* DM_E_CONFLICT when the row is not in old's state and epoch. */
int dm_sql_sandbox_write(dm_pg *c, const dm_sandbox *old, const dm_sandbox *next, dm_err *err) DM_NODISCARD;
/* old NULL: it is new. */
int dm_sql_sandbox_event_add(dm_pg *c, const dm_sandbox *old, const dm_sandbox *next, int64_t at_us, const char *why,
        const char *who, dm_err *err) DM_NODISCARD;

#endif
