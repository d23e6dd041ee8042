#include "tenants/sandbox/history.h"

/* What is past the last point is taken back from what runs now; then each point's own changes are, from the last to the
 * first: so a point begins with what is left. The most within it is that and the highest its changes came to.
 *
 * Only so many changes are read, the newest ($6, by sandbox_event_ran). Where there are more, what is older than they
 * are is told by the hours of project_series, of which there are as many as points at most. */
static const dm_pg_stmt read_all = {"history_read",
        "WITH ev AS MATERIALIZED (SELECT e.at, e.event_no,"
        "  least((dm.us(e.at) / 1000000 - $3) / $4, $5) AS b,"
        "  (e.to_state = 'running')::int - (e.from_state IS NOT DISTINCT FROM 'running')::int AS d,"
        "  (e.from_state = 'starting' AND e.to_state = 'running')::int AS s"
        "  FROM dm.sandbox_event e WHERE e.account_no = $1 AND e.project_no = $2 AND e.at >= dm.ts($3 * 1000000)"
        "  AND (e.to_state = 'running' OR e.from_state = 'running') ORDER BY e.at DESC, e.event_no DESC LIMIT "
        "$6::bigint),"
        " pre AS (SELECT b, d, s, sum(d) OVER (PARTITION BY b ORDER BY at, event_no) AS so_far FROM ev),"
        " g AS (SELECT b, sum(d) AS d, max(so_far) AS m, sum(s) AS s FROM pre GROUP BY b),"
        " r AS (SELECT count(*) AS n FROM dm.sandbox WHERE account_no = $1 AND project_no = $2 AND state = 'running'),"
        " o AS MATERIALIZED (SELECT CASE WHEN count(*) = $6 THEN min(b) ELSE -1 END AS of_hours FROM ev),"
        " p AS (SELECT i, r.n - sum(coalesce(g.d, 0)) OVER (ORDER BY i DESC) AS v, coalesce(g.m, 0) AS m,"
        "  coalesce(g.s, 0) AS s FROM r, generate_series(0, $5) i LEFT JOIN g ON g.b = i)"
        " SELECT CASE WHEN i > of_hours THEN greatest(v, 0) + greatest(m, 0) ELSE coalesce(h.running, 0) END::bigint,"
        " CASE WHEN i > of_hours THEN s ELSE coalesce(h.created, 0) * $4 / 3600 END::bigint"
        " FROM p CROSS JOIN o LEFT JOIN dm.project_series h ON i <= of_hours AND h.account_no = $1 AND h.project_no = "
        "$2"
        " AND h.step_s = 3600 AND h.at = date_trunc('hour', dm.ts(($3 + i * $4) * 1000000))"
        " WHERE i < $5 ORDER BY i",
        DM_PG_ROWS};

int dm_history_read(dm_pg *c, dm_owner owner, const dm_history *h, dm_history_point *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(h->start_s),
            dm_pa_i64(h->step_s), dm_pa_i64(h->points), dm_pa_i64(DM_HISTORY_CHANGES_MAX)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &read_all, args, DM_LEN(args), &rows, NULL, err);
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++)
        out[i] = (dm_history_point){dm_pg_i64(rows, i, 0), dm_pg_i64(rows, i, 1)};
    return r;
}
