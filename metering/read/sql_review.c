#include "metering/read/review.h"

int dm_review_periods(dm_pg *c, int64_t before_us, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"review_periods",
            "SELECT dm.us(p.period_start), p.period_s, dm.us(p.written_at), dm.us(p.closed_at), a.open, a.closed,"
            " a.empty, w.n, w.complete, w.attested, w.late, g.gap_s, n.n, r.n, r.differ"
            " FROM (SELECT * FROM dm.period WHERE period_start < dm.ts($1::bigint)"
            "   ORDER BY period_start DESC LIMIT $2::bigint) p,"
            " LATERAL (SELECT count(*) FILTER (WHERE state = 'open') AS open,"
            "   count(*) FILTER (WHERE state = 'closed') AS closed, count(*) FILTER (WHERE state = 'empty') AS empty"
            "   FROM dm.account_period WHERE period_start = p.period_start) a,"
            " LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE x.complete) AS complete,"
            "   count(*) FILTER (WHERE x.attested) AS attested,"
            "   coalesce(jsonb_agg(k.name ORDER BY k.name) FILTER (WHERE NOT x.complete), '[]') AS late"
            "   FROM dm.worker_period x JOIN dm.worker k USING (worker_no) WHERE x.period_start = p.period_start) w,"
            " LATERAL (SELECT coalesce(sum(to_s - from_s), 0) AS gap_s FROM dm.usage_gap"
            "   WHERE period_start = p.period_start) g,"
            " LATERAL (SELECT count(*) AS n FROM dm.anomaly WHERE period_start = p.period_start) n,"
            " LATERAL (SELECT count(*) AS n, count(*) FILTER (WHERE differ > 0) AS differ FROM dm.reconciliation"
            "   WHERE period_start = p.period_start) r ORDER BY p.period_start DESC",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"review_periods_count", DM_PG_COUNT("FROM dm.period"), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(before_us), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, NULL, 0, total, err);
}

void dm_review_period_read(const dm_pg_rows *rows, size_t i, dm_review_period *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_review_period, start_us)},
            {DM_COL_I64, offsetof(dm_review_period, period_s)}, {DM_COL_I64, offsetof(dm_review_period, written_us)},
            {DM_COL_I64, offsetof(dm_review_period, closed_us)}, {DM_COL_I64, offsetof(dm_review_period, open)},
            {DM_COL_I64, offsetof(dm_review_period, closed)}, {DM_COL_I64, offsetof(dm_review_period, empty)},
            {DM_COL_I64, offsetof(dm_review_period, workers)}, {DM_COL_I64, offsetof(dm_review_period, complete)},
            {DM_COL_I64, offsetof(dm_review_period, attested)}, {DM_COL_STR, offsetof(dm_review_period, late)},
            {DM_COL_I64, offsetof(dm_review_period, gap_s)}, {DM_COL_I64, offsetof(dm_review_period, anomalies)},
            {DM_COL_I64, offsetof(dm_review_period, compared)}, {DM_COL_I64, offsetof(dm_review_period, differ)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

const char *dm_review_check_name(int64_t no)
{
    static const char *const names[] = {
#define CHECK(no, name) [no] = #name,
#include "metering/rules/checks.def"
#undef CHECK
    };
    return no > 0 && (size_t)no < DM_LEN(names) ? names[no] : NULL;
}

#define CHECKS "FROM dm.reconciliation WHERE (NOT $1::boolean OR differ > 0)"
int dm_review_checks(dm_pg *c, bool differing, int64_t before_us, int64_t no, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"review_checks",
            "SELECT dm.us(period_start), check_no, compared, differ, dm.us(at), detail " CHECKS
            " AND period_start <= dm.ts($2::bigint) AND (period_start < dm.ts($2::bigint) OR check_no > $3::bigint)"
            " ORDER BY period_start DESC, check_no LIMIT $4::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"review_checks_count", DM_PG_COUNT(CHECKS), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_bool(differing), dm_pa_i64(before_us), dm_pa_i64(no), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 1, total, err);
}

void dm_review_check_read(const dm_pg_rows *rows, size_t i, dm_review_check *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_review_check, period_us)},
            {DM_COL_I64, offsetof(dm_review_check, no)}, {DM_COL_I64, offsetof(dm_review_check, compared)},
            {DM_COL_I64, offsetof(dm_review_check, differ)}, {DM_COL_I64, offsetof(dm_review_check, at_us)},
            {DM_COL_STR, offsetof(dm_review_check, detail)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

#define ANOMALIES "FROM dm.anomaly n WHERE ($1::text IS NULL OR n.kind = $1::text)"
int dm_review_anomalies(
        dm_pg *c, dm_str kind, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"review_anomalies",
            "SELECT n.anomaly_no, dm.us(n.at), dm.us(n.period_start), n.worker_no, n.epoch, n.kind,"
            " (SELECT a.id FROM dm.account a WHERE a.account_no = n.account_no),"
            " (SELECT p.id FROM dm.project p WHERE p.account_no = n.account_no AND p.project_no = n.project_no),"
            " n.detail, n.sandbox_id " ANOMALIES
            " AND n.anomaly_no < $2::bigint ORDER BY n.anomaly_no DESC LIMIT $3::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"review_anomalies_count", DM_PG_COUNT(ANOMALIES), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(kind.n > 0 ? kind : (dm_str){NULL, 0}), dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 1, total, err);
}

void dm_review_anomaly_read(const dm_pg_rows *rows, size_t i, dm_review_anomaly *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_review_anomaly, no)},
            {DM_COL_I64, offsetof(dm_review_anomaly, at_us)}, {DM_COL_I64, offsetof(dm_review_anomaly, period_us)},
            {DM_COL_I64, offsetof(dm_review_anomaly, worker)}, {DM_COL_I64, offsetof(dm_review_anomaly, epoch)},
            {DM_COL_STR, offsetof(dm_review_anomaly, kind)}, {DM_COL_MAYBE, offsetof(dm_review_anomaly, account)},
            {DM_COL_MAYBE, offsetof(dm_review_anomaly, project)}, {DM_COL_STR, offsetof(dm_review_anomaly, detail)},
            {DM_COL_MAYBE, offsetof(dm_review_anomaly, sandbox)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}
