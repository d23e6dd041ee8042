/* tenants/admin/sql_writeoff.h: whom a write-off ends. */
#ifndef DM_TENANTS_ADMIN_SQL_WRITEOFF_H
#define DM_TENANTS_ADMIN_SQL_WRITEOFF_H

#include "base/pg.h"
#include "base/wire/number.h"

/* The next sandboxes of this worker that have not ended, by id: their ids in bytes, one a row. */
int dm_sql_sandboxes_of(dm_pg *c, dm_worker_no worker, int64_t limit, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

#endif
