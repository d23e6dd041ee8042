#include "tenants/plan/part.h"

int dm_part_find(dm_pg *c, dm_account_no account, const char *slug, int64_t *project_no, dm_err *err)
{
    static const dm_pg_stmt st = {
            "part_find", "SELECT project_no FROM dm.project WHERE account_no = $1 AND slug = $2", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account.v), dm_pa_c(slug)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    *project_no = 0;
    if (slug == NULL)
        return 0;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_PART_NONE;
    if (r == 0)
        *project_no = dm_pg_i64(rows, 0, 0);
    return r;
}
