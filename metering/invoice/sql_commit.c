#include "metering/invoice/sql_commit.h"

#include "metering/invoice/sql_owed.h"

#define SECOND(n) "dm.ts($" n "::bigint * 1000000)"
#define IN_MONTH(t) t " >= m.at AND " t " < m.next"
/* An invoice stands of the month: what is corrected of another comes with that one's, when it is issued. */
#define STANDS(month)                                                                                                  \
    "EXISTS (SELECT FROM dm.invoice_month w JOIN dm.invoice_state v USING (account_no, invoice_no) WHERE "             \
    "w.account_no = $1::bigint AND w.month = " month " AND w.outcome = 'invoiced' AND NOT v.voided)"

/* counted: the statements of this invoice and of all that stand. A month's charges are its statements, less what these
 * say of other months, and what any say of it later. */
int dm_sql_commit_months(dm_pg *c, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_commit_months",
            "WITH own AS (SELECT s.period_start, s.total " DM_SQL_OWED "), "
            "counted AS MATERIALIZED (SELECT period_start, total, NULL::bigint AS invoice_no FROM own UNION ALL SELECT "
            "i.period_start, i.total, i.invoice_no FROM dm.invoice_statement i WHERE i.account_no = $1::bigint AND "
            "i.live AND EXISTS (SELECT FROM dm.contract k WHERE k.account_no = $1::bigint AND k.least_monthly > 0)), "
            "fixed AS MATERIALIZED (SELECT l.period_start, l.corrects_period, l.amount, n.invoice_no FROM "
            "dm.statement_line l JOIN counted n USING (period_start) WHERE l.account_no = $1::bigint AND l.kind = "
            "'correction'), "
            "t AS (SELECT g FROM generate_series(date_trunc('month', " SECOND("2") " AT TIME ZONE 'UTC'), " SECOND(
                    "3") " AT TIME ZONE 'UTC' - interval '1 second', interval '1 month') g WHERE EXISTS (SELECT FROM "
                         "dm.invoice_month w WHERE w.account_no = $1::bigint AND w.month = g::date) OR ($6::boolean "
                         "AND g + interval '1 month' = " SECOND(
                                 "3") " AT TIME ZONE 'UTC') "
                                      "UNION SELECT date_trunc('month', f.corrects_period AT TIME ZONE 'UTC') FROM "
                                      "fixed f WHERE f.invoice_no IS "
                                      "NULL AND f.corrects_period < date_trunc('month', " SECOND(
                                              "2") ", 'UTC') AND " STANDS("date_trunc('month', f.corrects_period AT "
                                                                          "TIME ZONE 'UTC')::date") "), "
                                                                                                    "m AS (SELECT "
                                                                                                    "t.g::date AS "
                                                                                                    "month, t.g AT "
                                                                                                    "TIME ZONE 'UTC' "
                                                                                                    "AS at, (t.g + "
                                                                                                    "interval '1 "
                                                                                                    "month') AT TIME "
                                                                                                    "ZONE "
                                                                                                    "'UTC' AS next "
                                                                                                    "FROM t) "
                                                                                                    "SELECT k.id, "
                                                                                                    "dm.us(m.at) / "
                                                                                                    "1000000, "
                                                                                                    "dm.us(m.next) / "
                                                                                                    "1000000, "
                                                                                                    "k.least_monthly, "
                                                                                                    "coalesce((SELECT "
                                                                                                    "sum(n.total) FROM "
                                                                                                    "counted n "
                                                                                                    "WHERE " IN_MONTH(
                                                                                                            "n.period_"
                                                                                                            "start") ")"
                                                                                                                     ","
                                                                                                                     " "
                                                                                                                     "0"
                                                                                                                     ")"
                                                                                                                     " "
                                                                                                                     "+"
                                                                                                                     " "
                                                                                                                     "c"
                                                                                                                     "o"
                                                                                                                     "a"
                                                                                                                     "l"
                                                                                                                     "e"
                                                                                                                     "s"
                                                                                                                     "c"
                                                                                                                     "e"
                                                                                                                     "("
                                                                                                                     "("
                                                                                                                     "S"
                                                                                                                     "E"
                                                                                                                     "L"
                                                                                                                     "E"
                                                                                                                     "C"
                                                                                                                     "T"
                                                                                                                     " "
                                                                                                                     "s"
                                                                                                                     "u"
                                                                                                                     "m"
                                                                                                                     "("
                                                                                                                     "f"
                                                                                                                     "."
                                                                                                                     "a"
                                                                                                                     "m"
                                                                                                                     "o"
                                                                                                                     "u"
                                                                                                                     "n"
                                                                                                                     "t"
                                                                                                                     " "
                                                                                                                     "*"
                                                                                                                     " "
                                                                                                                     "("
                                                                                                                     "C"
                                                                                                                     "A"
                                                                                                                     "S"
                                                                                                                     "E"
                                                                                                                     " "
                                                                                                                     "W"
                                                                                                                     "H"
                                                                                                                     "E"
                                                                                                                     "N"
                                                                                                                     " " IN_MONTH("f.corrects_period") " THEN 1 ELSE 0 END - CASE WHEN " IN_MONTH(
                                                                                                                             "f.period_start") " THEN 1 ELSE 0 END)) FROM fixed f), 0), "
                                                                                                                                               "coalesce((SELECT sum(b.amount) FROM dm.invoice_commitment b JOIN dm.invoice_state v USING (account_no, "
                                                                                                                                               "invoice_no) WHERE b.account_no = $1::bigint AND b.month = m.month AND NOT v.voided), 0), "
                                                                                                                                               "coalesce((SELECT string_agg(i.number, ',' ORDER BY i.entity_no, i.chain) FROM dm.invoice i WHERE "
                                                                                                                                               "i.account_no = $1::bigint AND i.invoice_no IN (SELECT n.invoice_no FROM counted n WHERE " IN_MONTH("n.period_start") " UNION SELECT f.invoice_no FROM fixed f WHERE " IN_MONTH(
                                                                                                                                                       "f.corrects_period") " UNION SELECT b.invoice_no FROM dm.invoice_commitment b JOIN dm.invoice_state v USING (account_no, "
                                                                                                                                                                            "invoice_no) WHERE b.account_no = $1::bigint AND b.month = m.month AND NOT v.voided)), '') "
                                                                                                                                                                            "FROM m JOIN dm.contract k ON k.account_no = $1::bigint AND k.status = 'approved' AND k.least_monthly > 0 "
                                                                                                                                                                            "AND k.valid_from <= m.at AND (k.valid_to IS NULL OR k.valid_to >= m.next) ORDER BY m.month",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(m->account_no.v), dm_pa_i64(m->from_s), dm_pa_i64(m->to_s),
            dm_pa_bool(m->again), dm_pa_i64(last), dm_pa_bool(m->over)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
