#include "tenants/sandbox/sql.h"

/* The first charge makes the row; limit is above 0 whenever this is asked. */
static const dm_pg_stmt take = {"quota_take",
        "INSERT INTO dm.quota_use AS q (account_no, project_no, running) VALUES ($1, $2, 1)"
        " ON CONFLICT (account_no, project_no) DO UPDATE SET running = q.running + 1 WHERE q.running < $3",
        DM_PG_NONE};
static const dm_pg_stmt give = {"quota_give",
        "UPDATE dm.quota_use SET running = running - 1 WHERE account_no = $1 AND project_no = $2", DM_PG_NONE};
static const dm_pg_stmt in_use = {
        "quota_read", "SELECT running FROM dm.quota_use WHERE account_no = $1 AND project_no = $2", DM_PG_MAYBE};

int dm_sql_quota_take(dm_pg *c, dm_owner owner, int64_t limit, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(limit)};
    int64_t changed = 0;
    int r = dm_pg_exec(c, &take, args, DM_LEN(args), NULL, &changed, err);
    return r < 0 ? r : changed == 0 ? DM_SQL_FULL : 0;
}

int dm_sql_quota_give(dm_pg *c, dm_owner owner, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    int64_t changed = 0;
    int r = dm_pg_exec(c, &give, args, DM_LEN(args), NULL, &changed, err);
    if (r == 0 && changed != 1)
        return dm_fail(err, DM_E_INTERNAL, "no quota row of project %lld", (long long)owner.project.v);
    return r;
}

static const dm_pg_stmt asleep = {"quota_asleep",
        "UPDATE dm.quota_use SET asleep_mib = greatest(0, asleep_mib + $3) WHERE account_no = $1 AND project_no = $2",
        DM_PG_NONE};
static const dm_pg_stmt asleep_read = {"quota_asleep_read",
        "SELECT asleep_mib FROM dm.quota_use WHERE account_no = $1 AND project_no = $2", DM_PG_MAYBE};

int dm_sql_quota_asleep(dm_pg *c, dm_owner owner, int64_t more_mib, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(more_mib)};
    return dm_pg_exec(c, &asleep, args, DM_LEN(args), NULL, NULL, err);
}

static int read_one(dm_pg *c, const dm_pg_stmt *st, dm_owner owner, int64_t *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_count(rows) == 1 ? dm_pg_i64(rows, 0, 0) : 0;
    return r;
}

int dm_sql_quota_read(dm_pg *c, dm_owner owner, int64_t *out, dm_err *err)
{
    return read_one(c, &in_use, owner, out, err);
}

int dm_sql_quota_asleep_read(dm_pg *c, dm_owner owner, int64_t *out, dm_err *err)
{
    return read_one(c, &asleep_read, owner, out, err);
}
