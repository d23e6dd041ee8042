#include "tenants/sandbox/sql.h"

/* The project's row, then the account's, and that only if the first had room: one statement, for each more would hold
 * the first row by a round trip longer. Everybody takes them in this order. The first charge makes the row; whether one
 * fits at all was asked before. */
#define CHARGE(row, running, vcpus, mem)                                                                               \
    "INSERT INTO dm.quota_use AS q (account_no, project_no, running, vcpus, mem_mib) " row                             \
    " ON CONFLICT (account_no, project_no) DO UPDATE SET running = q.running + 1, vcpus = q.vcpus + $3,"               \
    " mem_mib = q.mem_mib + $4 WHERE q.running < " running " AND q.vcpus + $3 <= " vcpus " AND q.mem_mib + $4 <= " mem \
    " RETURNING 1"

static const dm_pg_stmt take = {"quota_take",
        "WITH p AS (" CHARGE("VALUES ($1::bigint, $2::int, 1, $3::bigint, $4::bigint)", "$5", "$6",
                "$7") "), a AS (" CHARGE("SELECT $1::bigint, 0, 1, $3::bigint, $4::bigint FROM p", "$8", "$9",
                "$10") ") SELECT (SELECT count(*) FROM p), (SELECT count(*) FROM a)",
        DM_PG_ONE};

int dm_sql_quota_take(dm_pg *c, dm_owner owner, const dm_quota_size *size, const dm_limits *l, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(size->vcpus),
            dm_pa_i64(size->mem_mib), dm_pa_i64(l->at_once.running_max), dm_pa_i64(l->at_once.vcpus_total_max),
            dm_pa_i64(l->at_once.mem_mib_total_max), dm_pa_i64(l->account.running_max),
            dm_pa_i64(l->account.vcpus_total_max), dm_pa_i64(l->account.mem_mib_total_max)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &take, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_i64(rows, 0, 0) == 0 ? DM_SQL_FULL : dm_pg_i64(rows, 0, 1) == 0 ? DM_SQL_ACCOUNT_FULL : 0;
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

static const dm_pg_stmt in_use = {"quota_read",
        "SELECT running, vcpus, mem_mib FROM dm.quota_use WHERE account_no = $1 AND project_no = $2", DM_PG_MAYBE};
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
static int read_row(dm_pg *c, const dm_pg_stmt *st, dm_owner owner, int64_t *out, unsigned n, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, args, DM_LEN(args), &rows, NULL, err);
    for (unsigned i = 0; r == 0 && i < n; i++)
        out[i] = dm_pg_count(rows) == 1 ? dm_pg_i64(rows, 0, i) : 0;
    return r;
}

int dm_sql_quota_read(dm_pg *c, dm_owner owner, int64_t out[3], dm_err *err)
{
    return read_row(c, &in_use, owner, out, 3, err);
}

int dm_sql_quota_asleep_read(dm_pg *c, dm_owner owner, int64_t *out, dm_err *err)
{
    return read_row(c, &asleep_read, owner, out, 1, err);
}
