#include "tenants/sandbox/changed.h"

/* One index a part, in its order and no longer than what is wanted. */
#define PART_BEGIN "(SELECT project_no, sandbox_id, changed_at FROM dm.sandbox WHERE "
#define PART_END " AND changed_at >= dm.ts($1) AND project_no = ANY ($2::int[]) ORDER BY changed_at DESC LIMIT $3)"
#define CALLED "(auto_resume OR state <> 'paused')"

static const dm_pg_stmt since = {"changed_since",
        "SELECT project_no, sandbox_id, dm.us(changed_at) AS at FROM ("
        /* clang-format off */
        PART_BEGIN "secure AND state <> 'ended' AND " CALLED PART_END " UNION ALL "
        PART_BEGIN "state <> 'ended' AND NOT (secure AND " CALLED ")" PART_END " UNION ALL "
        PART_BEGIN "state = 'ended'" PART_END
        /* clang-format on */
        ") c ORDER BY at DESC LIMIT $3",
        DM_PG_ROWS};

int dm_changed_since(dm_pg *c, const dm_project_no *projects, size_t nprojects, int64_t since_us, size_t max,
        dm_changed *out, size_t *n, dm_err *err)
{
    DM_AUTO_BUF list;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_list(&list, &projects->v, nprojects, sizeof *projects, err);
    const dm_pg_arg args[] = {dm_pa_i64(since_us), dm_pa_text(dm_buf_view(&list)), dm_pa_i64((int64_t)max)};
    if (r == 0)
        r = dm_pg_exec(c, &since, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *n = dm_pg_count(rows);
    for (size_t i = 0; r == 0 && i < *n; i++) {
        out[i] = (dm_changed){.project = {dm_pg_i64(rows, i, 0)}, .at_us = dm_pg_i64(rows, i, 2)};
        r = dm_pg_bytes(rows, i, 1, out[i].id.b, sizeof out[i].id.b, err);
    }
    return r;
}

static const dm_pg_stmt clock_now = {"changed_clock", "SELECT dm.us(clock_timestamp())", DM_PG_ONE};

int dm_changed_clock(dm_pg *c, int64_t *us, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &clock_now, NULL, 0, &rows, NULL, err);
    if (r == 0)
        *us = dm_pg_i64(rows, 0, 0);
    return r;
}

#define COUNT "(SELECT count(*) FROM (SELECT FROM dm.sandbox WHERE account_no = $1 AND project_no = $2 AND "
#define UP_TO " LIMIT $4) n)"

static const dm_pg_stmt counts = {"changed_counts",
        /* clang-format off */
        "SELECT " COUNT "state = 'running'" UP_TO ", "
        COUNT "state = 'paused'" UP_TO ", "
        COUNT "state = ANY ('{starting,pausing,resuming,ending}')" UP_TO ", "
        COUNT "created_at > dm.ts($3) - interval '1 min'" UP_TO,
        /* clang-format on */
        DM_PG_ONE};

int dm_counts_read(dm_pg *c, dm_owner owner, int64_t now_us, dm_counts *out, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(now_us), dm_pa_i64(DM_COUNTS_MAX)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &counts, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = (dm_counts){dm_pg_i64(rows, 0, 0), dm_pg_i64(rows, 0, 1), dm_pg_i64(rows, 0, 2), dm_pg_i64(rows, 0, 3)};
    return r;
}
