#include "metering/bill/sql_bill.h"
#include "metering/bill/sql_correct.h"

/* What both ask for, of e: frames (u) and attestations (a) side by side. $1 the account, $2 the period. */
#define EVIDENCE(attested)                                                                                             \
    "SELECT e.project_no, e.sandbox_id, e.epoch, e.spec_table, e.spec, e.worker_no, "                                  \
    "coalesce(e.region_no, e.sworn_region), e.sworn_region, varbit_send(e.run_bits), varbit_send(e.hib_bits), "        \
    "e.disk_16mib::text, e.message, p.id, r.name, r.price_group, x.vcpus, x.mem_mib, " attested                        \
    ", s.project_no, s.epoch, s.spec_table, s.spec, s.region_no, dm.us(s.ended_at) / 1000000, s.key_no, "              \
    "s.template_id, s.build_id, s.compute_type, s.compute_quality, coalesce(v.worker_no, s.worker_no), v.began, "      \
    "v.slept, s.parent_id, b.hash "                                                                                    \
    "FROM (SELECT * FROM u FULL JOIN a USING (project_no, sandbox_id, epoch, spec_table, spec, worker_no)) e "         \
    "JOIN dm.project p ON p.project_no = e.project_no "                                                                \
    "LEFT JOIN dm.region r ON r.region_no = coalesce(e.region_no, e.sworn_region) "                                    \
    "LEFT JOIN dm.spec x ON x.spec_table = e.spec_table AND x.spec = e.spec "                                          \
    "LEFT JOIN dm.worker_period w ON w.worker_no = e.worker_no "                                                       \
    "AND w.period_start = dm.ts($2::bigint * 1000000) "                                                                \
    "LEFT JOIN dm.sandbox s ON s.sandbox_id = e.sandbox_id "                                                           \
    "LEFT JOIN LATERAL (SELECT (array_agg(worker_no ORDER BY event_no DESC) FILTER (WHERE worker_no IS NOT "           \
    "NULL))[1] AS worker_no, dm.us(min(at)) / 1000000 AS began, dm.us(min(at) FILTER (WHERE to_state = 'paused' "      \
    "AND from_state IS DISTINCT FROM 'resuming')) / 1000000 AS slept FROM dm.sandbox_event "                           \
    "WHERE sandbox_id = e.sandbox_id AND epoch = e.epoch) v ON true "                                                  \
    "LEFT JOIN LATERAL (SELECT hash FROM dm.attestation WHERE e.message IS NULL "                                      \
    "AND sandbox_id = e.sandbox_id AND period_start < dm.ts($2::bigint * 1000000) "                                    \
    "ORDER BY period_start DESC, epoch DESC, worker_boot DESC, hash LIMIT 1) b ON true ORDER BY e.sandbox_id"

/* --- in time ------------------------------------------------------------------------------------------------ */

int dm_sql_bill_page(dm_pg *c, dm_account_no account_no, int64_t start, const dm_sandbox_id *after, int64_t limit,
        dm_sandbox_id *last, bool *any, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_page",
            "SELECT sandbox_id FROM (SELECT sandbox_id FROM ("
            "(SELECT DISTINCT sandbox_id FROM dm.usage_period WHERE period_start = dm.ts($2::bigint * 1000000) "
            "AND account_no = $1::bigint AND sandbox_id > $3 ORDER BY sandbox_id LIMIT $4::bigint) UNION "
            "(SELECT DISTINCT sandbox_id FROM dm.attestation WHERE period_start = dm.ts($2::bigint * 1000000) "
            "AND account_no = $1::bigint AND NOT by_service AND NOT late AND sandbox_id > $3 ORDER BY sandbox_id "
            "LIMIT $4::bigint)"
            ") i ORDER BY sandbox_id LIMIT $4::bigint) page ORDER BY sandbox_id DESC LIMIT 1",
            DM_PG_MAYBE};
    dm_pg_arg args[] = {
            dm_pa_i64(account_no.v), dm_pa_i64(start), dm_pa_bytes(after->b, sizeof(after->b)), dm_pa_i64(limit)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *any = dm_pg_count(rows) == 1;
    if (!*any)
        return 0;
    return dm_pg_bytes(rows, 0, 0, last->b, sizeof(last->b), err);
}

int dm_sql_bill_evidence(dm_pg *c, dm_account_no account_no, int64_t start, const dm_sandbox_id *after,
        const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bill_evidence",
            "WITH u AS (SELECT project_no, sandbox_id, epoch, spec_table, spec, worker_no, region_no, run_bits, "
            "hib_bits, disk_16mib FROM dm.usage_period WHERE period_start = dm.ts($2::bigint * 1000000) "
            "AND account_no = $1::bigint AND sandbox_id > $3 AND sandbox_id <= $4), "
            "a AS (SELECT DISTINCT ON (project_no, sandbox_id, epoch, spec_table, spec, worker_no) project_no, "
            "sandbox_id, epoch, spec_table, spec, worker_no, region_no AS sworn_region, message FROM dm.attestation "
            "WHERE period_start = dm.ts($2::bigint * 1000000) AND account_no = $1::bigint AND NOT by_service "
            "AND NOT late AND sandbox_id > $3 AND sandbox_id <= $4 "
            "ORDER BY project_no, sandbox_id, epoch, spec_table, spec, worker_no, worker_boot DESC, hash) " EVIDENCE(
                    "w.attested"),
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start), dm_pa_bytes(after->b, sizeof(after->b)),
            dm_pa_bytes(last->b, sizeof(last->b))};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

/* --- with what came late ------------------------------------------------------------------------------------ */

int dm_sql_late_page(dm_pg *c, dm_account_no account_no, int64_t start, int64_t through, const dm_sandbox_id *after,
        int64_t limit, dm_sandbox_id *last, bool *any, dm_err *err)
{
    static const dm_pg_stmt st = {"late_page",
            "SELECT sandbox_id FROM (SELECT DISTINCT sandbox_id FROM dm.late WHERE account_no = $1::bigint "
            "AND period_start = dm.ts($2::bigint * 1000000) AND stated_in IS NULL AND late_no <= $3::bigint "
            "AND sandbox_id > $4 ORDER BY sandbox_id LIMIT $5::bigint) l ORDER BY sandbox_id DESC LIMIT 1",
            DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start), dm_pa_i64(through),
            dm_pa_bytes(after->b, sizeof(after->b)), dm_pa_i64(limit)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *any = dm_pg_count(rows) == 1;
    return *any ? dm_pg_bytes(rows, 0, 0, last->b, sizeof(last->b), err) : 0;
}

int dm_sql_late_evidence(dm_pg *c, dm_account_no account_no, int64_t start, int64_t through, const dm_sandbox_id *after,
        const dm_sandbox_id *last, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"late_evidence",
            "WITH d AS (SELECT DISTINCT sandbox_id FROM dm.late WHERE account_no = $1::bigint "
            "AND period_start = dm.ts($2::bigint * 1000000) AND stated_in IS NULL AND late_no <= $3::bigint "
            "AND sandbox_id > $4 AND sandbox_id <= $5), "
            "x AS (SELECT o.project_no, o.sandbox_id, o.epoch, o.spec_table, o.spec, o.worker_no, o.region_no, "
            "o.run_bits, o.hib_bits, o.disk_16mib FROM d JOIN dm.usage_period o USING (sandbox_id) "
            "WHERE o.period_start = dm.ts($2::bigint * 1000000) AND o.account_no = $1::bigint UNION ALL "
            "SELECT o.project_no, o.sandbox_id, o.epoch, o.spec_table, o.spec, o.worker_no, o.region_no, "
            "o.run_bits, o.hib_bits, o.disk_16mib FROM d JOIN dm.usage_late o USING (sandbox_id) "
            "WHERE o.period_start = dm.ts($2::bigint * 1000000) AND o.account_no = $1::bigint), "
            "bits AS (SELECT project_no, sandbox_id, epoch, spec_table, spec, worker_no, region_no, "
            "bit_or(run_bits)::varbit AS run_bits, bit_or(hib_bits)::varbit AS hib_bits FROM x GROUP BY 1, 2, 3, 4, "
            "5, 6, 7), "
            "minutes AS (SELECT project_no, sandbox_id, epoch, spec_table, spec, worker_no, region_no, m.at, "
            "max(m.disk) AS disk FROM x, unnest(disk_16mib) WITH ORDINALITY AS m (disk, at) GROUP BY 1, 2, 3, 4, 5, "
            "6, 7, 8), "
            "disks AS (SELECT project_no, sandbox_id, epoch, spec_table, spec, worker_no, region_no, "
            "array_agg(disk ORDER BY at) AS disk_16mib FROM minutes GROUP BY 1, 2, 3, 4, 5, 6, 7), "
            "u AS (SELECT * FROM bits JOIN disks USING (project_no, sandbox_id, epoch, spec_table, spec, worker_no, "
            "region_no)), "
            "a AS (SELECT DISTINCT ON (project_no, sandbox_id, epoch, spec_table, spec, worker_no) o.project_no, "
            "sandbox_id, o.epoch, o.spec_table, o.spec, o.worker_no, o.region_no AS sworn_region, o.message "
            "FROM d JOIN dm.attestation o USING (sandbox_id) WHERE o.period_start = dm.ts($2::bigint * 1000000) "
            "AND o.account_no = $1::bigint AND NOT o.by_service "
            "ORDER BY project_no, sandbox_id, epoch, spec_table, spec, worker_no, worker_boot DESC, hash) " EVIDENCE(
                    "w.attested OR EXISTS (SELECT FROM dm.worker_period_late n WHERE n.worker_no = e.worker_no "
                    "AND n.period_start = dm.ts($2::bigint * 1000000))"),
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(start), dm_pa_i64(through),
            dm_pa_bytes(after->b, sizeof(after->b)), dm_pa_bytes(last->b, sizeof(last->b))};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
