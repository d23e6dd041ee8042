#include "metering/bill/sql_by_sandbox.h"

/* Whether it found something to do. */
static int one(dm_pg *c, const dm_pg_stmt *st, bool *done, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, st, NULL, 0, &rows, NULL, err);
    if (r == 0)
        *done = dm_pg_i64(rows, 0, 0) > 0;
    return r;
}

/* The document of a statement that is the next to be added: of which is said by `owed`, a choice of o. */
#define ADD(owed)                                                                                                      \
    "WITH o AS (" owed "),"                                                                                            \
    " n AS (INSERT INTO dm.usage_sandbox AS d (account_no, day, project_no, sandbox_id, running_s, hibernated_s,"      \
    "   amount) SELECT o.account_no, (o.period_start AT TIME ZONE 'UTC')::date, u.* FROM o"                            \
    "  JOIN dm.statement s USING (account_no, period_start)"                                                           \
    "  LEFT JOIN dm.statement_page p ON p.account_no = o.account_no AND p.period_start = o.period_start"               \
    "   AND p.page_no = o.added"                                                                                       \
    "  CROSS JOIN LATERAL dm.stated_use(CASE WHEN o.added = 0 THEN s.body ELSE p.body END) u"                          \
    "  ON CONFLICT (account_no, day, project_no, sandbox_id) DO UPDATE SET running_s = d.running_s +"                  \
    "   excluded.running_s, hibernated_s = d.hibernated_s + excluded.hibernated_s,"                                    \
    "   amount = d.amount + excluded.amount),"                                                                         \
    " m AS (UPDATE dm.usage_owed w SET added = o.added + 1 FROM o WHERE w.account_no = o.account_no"                   \
    "  AND w.period_start = o.period_start AND o.added + 1 < o.documents),"                                            \
    " k AS (DELETE FROM dm.usage_owed w USING o WHERE w.account_no = o.account_no"                                     \
    "  AND w.period_start = o.period_start AND o.added + 1 = o.documents)"                                             \
    " SELECT count(*) FROM o"

int dm_sql_by_sandbox_add(dm_pg *c, bool *added, dm_err *err)
{
    static const dm_pg_stmt asked = {"by_sandbox_add_asked",
            ADD("SELECT w.account_no, w.period_start, w.added, w.documents FROM dm.usage_settled s JOIN dm.usage_owed w"
                "  ON w.account_no = s.account_no AND w.period_start >= s.day::timestamp AT TIME ZONE 'UTC'"
                "  AND w.period_start < (s.day + 1)::timestamp AT TIME ZONE 'UTC'"
                "  WHERE s.asked IS NOT NULL AND NOT s.settled ORDER BY s.asked, w.period_start LIMIT 1 FOR UPDATE OF "
                "w"),
            DM_PG_ONE};
    static const dm_pg_stmt oldest = {"by_sandbox_add",
            ADD("SELECT account_no, period_start, added, documents FROM dm.usage_owed"
                "  ORDER BY period_start, account_no LIMIT 1 FOR UPDATE"),
            DM_PG_ONE};
    int r = one(c, &asked, added, err);
    return r < 0 || *added ? r : one(c, &oldest, added, err);
}

/* o: the day, of those that are `asked`, the first by `turn`. Its periods are all there when one that ends behind it
 * is. u: what of it is the account's own, in 10^-18; each that ran has the whole part of its share, rounded down, and
 * those with the largest remainders one more (dm.usage_by_sandbox reads a day that is not settled by the same rule).
 * Where nobody ran it stays nobody's. */
#define OF_DAY(row) row ".account_no = (SELECT account_no FROM o) AND " row ".day = (SELECT day FROM o)"
#define SETTLE(asked, turn)                                                                                            \
    "WITH o AS (SELECT account_no, day FROM dm.usage_settled s WHERE NOT settled" asked                                \
    "   AND day < (SELECT (period_start + make_interval(secs => period_s)) AT TIME ZONE 'UTC' FROM dm.period"          \
    "    ORDER BY period_start DESC LIMIT 1)::date"                                                                    \
    "   AND NOT EXISTS (SELECT FROM dm.period p WHERE p.closed_at IS NULL"                                             \
    "    AND p.period_start >= s.day::timestamp AT TIME ZONE 'UTC'"                                                    \
    "    AND p.period_start < (s.day + 1)::timestamp AT TIME ZONE 'UTC')"                                              \
    "   AND NOT EXISTS (SELECT FROM dm.usage_owed w WHERE w.account_no = s.account_no"                                 \
    "    AND w.period_start >= s.day::timestamp AT TIME ZONE 'UTC'"                                                    \
    "    AND w.period_start < (s.day + 1)::timestamp AT TIME ZONE 'UTC')"                                              \
    "   ORDER BY " turn " LIMIT 1 FOR UPDATE),"                                                                        \
    " d AS MATERIALIZED (SELECT u.* FROM dm.usage_sandbox u WHERE " OF_DAY(                                            \
            "u") "),"                                                                                                  \
                 " s AS (SELECT d.*, (SELECT trunc(amount * 1000000000000000000) FROM d WHERE sandbox_id = '' AND "    \
                 "amount <> 0)"                                                                                        \
                 "   AS u, sum(running_s) FILTER (WHERE sandbox_id <> '') OVER () AS t FROM d),"                       \
                 " q AS (SELECT s.*, div(u * running_s, t) - (mod(u * running_s, t) < 0)::int AS part,"                \
                 "   mod(u * running_s, t) + CASE WHEN mod(u * running_s, t) < 0 THEN t ELSE 0 END AS rest"            \
                 "   FROM s WHERE sandbox_id <> '' AND t > 0"                                                          \
                 "   UNION ALL SELECT s.*, CASE WHEN sandbox_id = '' AND t > 0 THEN 0 WHEN sandbox_id = '' THEN u "    \
                 "END, NULL"                                                                                           \
                 "   FROM s WHERE sandbox_id = '' OR t <= 0),"                                                         \
                 " v AS (SELECT q.*, row_number() OVER (ORDER BY rest DESC NULLS LAST, project_no, sandbox_id) AS n,"  \
                 "   u - sum(part) OVER () AS more FROM q),"                                                           \
                 " k AS (SELECT v.*, coalesce((part + (rest IS NOT NULL AND n <= more)::int) * 0.000000000000000001, " \
                 "0) AS part_of"                                                                                       \
                 "   FROM v),"                                                                                         \
                 " x AS (UPDATE dm.usage_sandbox y SET share = part_of FROM k WHERE " OF_DAY(                          \
                         "y") "   AND y.project_no = k.project_no AND y.sandbox_id = k.sandbox_id AND part_of <> 0),"  \
                              " z AS (INSERT INTO dm.usage_sandbox_month AS y (account_no, month, project_no, "        \
                              "sandbox_id, running_s,"                                                                 \
                              "   hibernated_s, amount, share, days, shared_days) SELECT account_no, "                 \
                              "date_trunc('month', day::timestamp)::date,"                                             \
                              "   project_no, sandbox_id, CASE WHEN sandbox_id = '' THEN 0 ELSE running_s END,"        \
                              "   CASE WHEN sandbox_id = '' THEN 0 ELSE hibernated_s END, CASE WHEN sandbox_id = '' "  \
                              "THEN 0 ELSE amount END,"                                                                \
                              "   part_of, 1, (part_of <> 0)::int FROM k WHERE sandbox_id <> '' OR part_of <> 0"       \
                              "   ON CONFLICT (account_no, month, project_no, sandbox_id) DO UPDATE SET"               \
                              "   running_s = y.running_s + excluded.running_s, hibernated_s = y.hibernated_s + "      \
                              "excluded.hibernated_s,"                                                                 \
                              "   amount = y.amount + excluded.amount, share = y.share + excluded.share, days = "      \
                              "y.days + 1,"                                                                            \
                              "   shared_days = y.shared_days + excluded.shared_days),"                                \
                              " e AS (UPDATE dm.usage_settled y SET settled = true FROM o WHERE y.account_no = "       \
                              "o.account_no AND y.day = o.day)"                                                        \
                              " SELECT count(*) FROM o"

int dm_sql_by_sandbox_settle(dm_pg *c, bool *settled, dm_err *err)
{
    static const dm_pg_stmt asked = {
            "by_sandbox_settle_asked", SETTLE(" AND asked IS NOT NULL", "asked, day, account_no"), DM_PG_ONE};
    static const dm_pg_stmt oldest = {"by_sandbox_settle", SETTLE("", "day, account_no"), DM_PG_ONE};
    int r = one(c, &asked, settled, err);
    return r < 0 || *settled ? r : one(c, &oldest, settled, err);
}
