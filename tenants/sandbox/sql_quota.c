#include "tenants/sandbox/sql.h"

static const dm_pg_stmt take = {"quota_take",
        "SELECT " DM_SQL_QUOTA_MET " FROM (SELECT dm.quota_take($1::bigint, $2::int, $3::bigint, $4::bigint,"
        " $5::bigint, $6::bigint, $7::bigint, $8::bigint, $9::bigint, $10::bigint) AS met) q",
        DM_PG_ONE};

void dm_sql_quota_args(dm_owner owner, const dm_quota_size *size, const dm_limits *l, dm_pg_arg out[DM_SQL_QUOTA_ARGS])
{
    const int64_t numbers[DM_SQL_QUOTA_ARGS] = {owner.account.v, owner.project.v, size->vcpus, size->mem_mib,
            l->at_once.running_max, l->at_once.vcpus_total_max, l->at_once.mem_mib_total_max, l->account.running_max,
            l->account.vcpus_total_max, l->account.mem_mib_total_max};
    for (size_t i = 0; i < DM_LEN(numbers); i++)
        out[i] = dm_pa_i64(numbers[i]);
}

void dm_sql_quota_met(const dm_pg_rows *rows, size_t row, unsigned first, dm_sql_met *out)
{
    *out = (dm_sql_met){.whose = (dm_sql_whose)dm_pg_i64(rows, row, first)};
    for (unsigned i = 0; i < DM_LEN(out->used); i++)
        out->used[i] = dm_pg_i64(rows, row, first + 1 + i);
}

int dm_sql_quota_take(
        dm_pg *c, dm_owner owner, const dm_quota_size *size, const dm_limits *l, dm_sql_met *met, dm_err *err)
{
    dm_pg_arg args[DM_SQL_QUOTA_ARGS];
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_sql_quota_args(owner, size, l, args);
    int r = dm_pg_exec(c, &take, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        dm_sql_quota_met(rows, 0, 0, met);
    return r;
}

static const dm_pg_stmt give = {"quota_give",
        "WITH p AS (UPDATE dm.quota_use SET running = running - 1, vcpus = vcpus - $3, mem_mib = mem_mib - $4,"
        "  asleep_mib = greatest(0, asleep_mib + $5) WHERE account_no = $1 AND project_no = $2 RETURNING 1),"
        " a AS (UPDATE dm.quota_use SET running = running - 1, vcpus = vcpus - $3, mem_mib = mem_mib - $4"
        "  WHERE account_no = $1 AND project_no = 0 AND EXISTS (SELECT FROM p) RETURNING 1)"
        " SELECT (SELECT count(*) FROM p) + (SELECT count(*) FROM a)",
        DM_PG_ONE};

int dm_sql_quota_give(dm_pg *c, dm_owner owner, const dm_quota_size *size, int64_t asleep_mib, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(size->vcpus),
            dm_pa_i64(size->mem_mib), dm_pa_i64(asleep_mib)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &give, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_i64(rows, 0, 0) != 2)
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

/* No row: nothing was ever charged. */
int dm_sql_quota_asleep_read(dm_pg *c, dm_owner owner, int64_t *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &asleep_read, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_count(rows) == 1 ? dm_pg_i64(rows, 0, 0) : 0;
    return r;
}
