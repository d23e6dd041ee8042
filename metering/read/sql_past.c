#include "metering/read/past.h"

enum { SLOT_S = 600, KEPT_S = 40 * 86400 };

static int query(dm_pg *c, dm_owner owner, const dm_past_asked *asked, int64_t from, int64_t step_s, dm_pg_rows **out,
        dm_err *err)
{
    /* A row is ten minutes of seven figures each (usage_past). Memory of a sandbox weighs by how long it ran. */
    static const dm_pg_stmt st = {"past_points",
            "SELECT $5::bigint + (x.at - $5) / $6::bigint * $6, sum(x.f[1])::bigint, sum(x.f[2])::bigint,"
            " div(sum(x.f[3]::bigint * w), sum(w))::bigint, div(sum(x.f[4]::bigint * w), sum(w))::bigint,"
            " div(sum(x.f[5]::bigint * w), sum(w))::bigint, sum(x.f[6])::bigint, sum(x.f[7])::bigint"
            " FROM (SELECT p.slot + 60 * m AS at, p.figures[7 * m + 1:7 * m + 7] AS f,"
            "  CASE WHEN $3 = ''::bytea THEN 1 ELSE p.figures[7 * m + 1] END AS w"
            "  FROM dm.usage_past p, generate_series(0, 9) m WHERE p.account_no = $1::bigint AND p.project_no ="
            "  $2::bigint AND p.sandbox_id = $3 AND p.slot > $5 - $7::bigint AND p.slot < $4::bigint"
            "  AND p.figures[7 * m + 1] > 0) x"
            " WHERE x.at >= $5 AND x.at < $4 GROUP BY 1 ORDER BY 1",
            DM_PG_ROWS};
    static const uint8_t nobody = 0;
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v),
            asked->id != NULL ? dm_pa_bytes(asked->id->b, sizeof asked->id->b) : dm_pa_bytes(&nobody, 0),
            dm_pa_i64(asked->to), dm_pa_i64(from), dm_pa_i64(step_s), dm_pa_i64(SLOT_S)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_read_past(dm_pg *c, dm_owner owner, const dm_past_asked *asked, dm_past_point *out, size_t *n, int64_t *step_s,
        dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int64_t least = asked->to > KEPT_S ? asked->to - KEPT_S : 0;
    int64_t from = (asked->from > least ? asked->from : least) / DM_PAST_STEP_S * DM_PAST_STEP_S;
    *n = 0;
    if (asked->to <= from)
        return 0;
    int64_t minutes = (asked->to - from + DM_PAST_STEP_S - 1) / DM_PAST_STEP_S;
    *step_s = (minutes + DM_PAST_POINTS_MAX - 1) / DM_PAST_POINTS_MAX * DM_PAST_STEP_S;
    int r = query(c, owner, asked, from, *step_s, &rows, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows) && i < DM_PAST_POINTS_MAX; i++)
        out[(*n)++] = (dm_past_point){dm_pg_i64(rows, i, 0), dm_pg_i64(rows, i, 1), dm_pg_i64(rows, i, 2),
                dm_pg_i64(rows, i, 3), dm_pg_i64(rows, i, 4), dm_pg_i64(rows, i, 5), dm_pg_i64(rows, i, 6),
                dm_pg_i64(rows, i, 7)};
    return r;
}
