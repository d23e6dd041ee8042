#include "tenants/admin/sql_writeoff.h"

static const dm_pg_stmt of_worker = {"write_off_sandboxes",
        "SELECT sandbox_id FROM dm.sandbox WHERE worker_no = $1 AND state <> 'ended' ORDER BY sandbox_id LIMIT $2",
        DM_PG_ROWS};

int dm_sql_sandboxes_of(dm_pg *c, dm_worker_no worker, int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v), dm_pa_i64(limit)};
    return dm_pg_exec(c, &of_worker, args, DM_LEN(args), rows, NULL, err);
}
