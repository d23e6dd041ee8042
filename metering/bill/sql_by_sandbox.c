#include "metering/bill/sql_by_sandbox.h"

int dm_sql_by_sandbox_add(dm_pg *c, bool *added, dm_err *err)
{
    static const dm_pg_stmt st = {"by_sandbox_add",
            "WITH o AS (SELECT account_no, period_start, added, documents FROM dm.usage_owed"
            "  ORDER BY period_start, account_no LIMIT 1 FOR UPDATE),"
            " n AS (INSERT INTO dm.usage_sandbox AS d (account_no, day, project_no, sandbox_id, running_s, "
            "hibernated_s,"
            "   amount) SELECT o.account_no, (o.period_start AT TIME ZONE 'UTC')::date, u.* FROM o"
            "  JOIN dm.statement s USING (account_no, period_start)"
            "  LEFT JOIN dm.statement_page p ON p.account_no = o.account_no AND p.period_start = o.period_start"
            "   AND p.page_no = o.added"
            "  CROSS JOIN LATERAL dm.stated_use(CASE WHEN o.added = 0 THEN s.body ELSE p.body END) u"
            "  ON CONFLICT (account_no, day, project_no, sandbox_id) DO UPDATE SET running_s = d.running_s +"
            "   excluded.running_s, hibernated_s = d.hibernated_s + excluded.hibernated_s,"
            "   amount = d.amount + excluded.amount),"
            " m AS (UPDATE dm.usage_owed w SET added = o.added + 1 FROM o WHERE w.account_no = o.account_no"
            "  AND w.period_start = o.period_start AND o.added + 1 < o.documents),"
            " k AS (DELETE FROM dm.usage_owed w USING o WHERE w.account_no = o.account_no"
            "  AND w.period_start = o.period_start AND o.added + 1 = o.documents)"
            " SELECT count(*) FROM o",
            DM_PG_ONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, NULL, 0, &rows, NULL, err);
    if (r == 0)
        *added = dm_pg_i64(rows, 0, 0) > 0;
    return r;
}
