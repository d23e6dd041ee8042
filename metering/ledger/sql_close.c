#include "metering/ledger/sql_close.h"

#include "base/parse.h"

#include "metering/rules/anomaly.h"

int dm_sql_first_enrolled(dm_pg *c, int64_t *out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "close_first_enrolled", "SELECT dm.us(min(enrolled_at)) / 1000000 FROM dm.worker", DM_PG_ONE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, NULL, 0, &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_is_null(rows, 0, 0) ? -1 : dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_sql_workers_in(dm_pg *c, int64_t start, int64_t end, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"close_workers_in",
            "SELECT worker_no, dm.us(enrolled_at) / 1000000, state = 'written_off', EXISTS (SELECT FROM dm.anomaly a "
            "WHERE a.period_start = dm.ts($1::bigint * 1000000) AND a.kind = '" DM_ANOMALY_TOO_MUCH "' "
            "AND a.worker_no = w.worker_no), d.complete, d.attested FROM dm.worker w LEFT JOIN (SELECT worker_no, "
            "complete, attested FROM dm.worker_period WHERE period_start = dm.ts($1::bigint * 1000000)) d "
            "USING (worker_no) WHERE enrolled_at < dm.ts($2::bigint * 1000000) "
            "AND (gone_at IS NULL OR gone_at >= dm.ts($1::bigint * 1000000)) ORDER BY worker_no",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(start), dm_pa_i64(end)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_attested_in(dm_pg *c, int64_t start, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"close_attested_in",
            "WITH newest AS (SELECT DISTINCT ON (worker_no, project_no, sandbox_id, epoch, spec_table, spec) "
            "worker_no, "
            "hash FROM dm.attestation WHERE period_start = dm.ts($1::bigint * 1000000) AND NOT by_service "
            "ORDER BY worker_no, project_no, sandbox_id, epoch, spec_table, spec, worker_boot DESC, hash), "
            "sworn AS (SELECT worker_no, count(*) AS n, sha256(string_agg(hash, ''::bytea ORDER BY hash)) AS digest "
            "FROM newest GROUP BY worker_no) "
            "SELECT DISTINCT e.worker_no FROM dm.attestation_end e LEFT JOIN sworn s ON s.worker_no = e.worker_no "
            "WHERE e.period_start = dm.ts($1::bigint * 1000000) AND e.attested = coalesce(s.n, 0) "
            "AND e.digest = coalesce(s.digest, sha256(''::bytea)) ORDER BY e.worker_no",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(start)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_period_add(dm_pg *c, int64_t start, uint32_t period_s, dm_err *err)
{
    static const dm_pg_stmt st = {"close_period_add",
            "INSERT INTO dm.period (period_start, period_s) VALUES (dm.ts($1::bigint * 1000000), $2::int)", DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(start), dm_pa_i64(period_s)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_worker_period_add(dm_pg *c, dm_worker_no worker_no, int64_t start, bool complete, bool attested, dm_err *err)
{
    static const dm_pg_stmt st = {"close_worker_period_add",
            "INSERT INTO dm.worker_period (worker_no, period_start, complete, attested) "
            "VALUES ($1::bigint, dm.ts($2::bigint * 1000000), $3::boolean, $4::boolean) ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)worker_no.v), dm_pa_i64(start), dm_pa_bool(complete), dm_pa_bool(attested)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_unsworn(dm_pg *c, int64_t start, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"close_unsworn",
            "SELECT worker_no FROM dm.worker_period WHERE period_start = dm.ts($1::bigint * 1000000) AND NOT attested",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(start)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

void dm_sql_usages(dm_many *m, dm_pg *c, int64_t start, uint32_t period_s)
{
    /* A map that is not there has no bit set. */
    static const dm_pg_stmt st = {"close_usages_add",
            "INSERT INTO dm.usage_period (account_no, project_no, period_start, sandbox_id, epoch, spec_table, spec, "
            "region_no, worker_no, run_bits, hib_bits, disk_16mib) SELECT "
            "coalesce((SELECT p.account_no FROM dm.project p WHERE p.project_no = u.project_no), 0), u.project_no, "
            "dm.ts($2::bigint * 1000000), decode(u.sandbox_id, 'hex'), u.epoch, u.spec_table, u.spec, u.region_no, "
            "u.worker_no, coalesce(u.run, repeat('0', $3::int)::varbit), coalesce(u.hib, repeat('0', "
            "$3::int)::varbit), "
            "u.disk FROM json_to_recordset($1::json) AS u (project_no bigint, sandbox_id text, epoch int, "
            "spec_table int, spec int, region_no int, worker_no bigint, run varbit, hib varbit, disk int[])",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(start), dm_pa_i64(period_s)};
    dm_many_init(m, c, &st, args, DM_LEN(args));
}

void dm_sql_usages_late(dm_many *m, dm_pg *c, int64_t start, uint32_t period_s, bool being_written)
{
    static const dm_pg_stmt st = {"late_usages_add",
            "WITH new AS (INSERT INTO dm.usage_late (account_no, project_no, period_start, sandbox_id, epoch, "
            "spec_table, "
            "spec, region_no, worker_no, run_bits, hib_bits, disk_16mib) SELECT "
            "coalesce((SELECT p.account_no FROM dm.project p WHERE p.project_no = u.project_no), 0), u.project_no, "
            "dm.ts($2::bigint * 1000000), decode(u.sandbox_id, 'hex'), u.epoch, u.spec_table, u.spec, u.region_no, "
            "u.worker_no, coalesce(u.run, repeat('0', $3::int)::varbit), coalesce(u.hib, repeat('0', "
            "$3::int)::varbit), "
            "u.disk FROM json_to_recordset($1::json) AS u (project_no bigint, sandbox_id text, epoch int, "
            "spec_table int, spec int, region_no int, worker_no bigint, run varbit, hib varbit, disk int[]) "
            "WHERE $4::boolean OR EXISTS (SELECT FROM dm.period w WHERE w.period_start = dm.ts($2::bigint * 1000000) "
            "AND w.period_s = $3::int) RETURNING account_no, period_start, sandbox_id) "
            "INSERT INTO dm.late (account_no, period_start, sandbox_id) SELECT DISTINCT account_no, period_start, "
            "sandbox_id FROM new WHERE account_no <> 0",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(start), dm_pa_i64(period_s), dm_pa_bool(being_written)};
    dm_many_init(m, c, &st, args, DM_LEN(args));
}

int dm_sql_sworn_late(dm_pg *c, dm_worker_no worker_no, int64_t start, dm_err *err)
{
    static const dm_pg_stmt st = {"late_sworn",
            "WITH newest AS (SELECT DISTINCT ON (project_no, sandbox_id, epoch, spec_table, spec) hash "
            "FROM dm.attestation WHERE period_start = dm.ts($2::bigint * 1000000) AND worker_no = $1::bigint "
            "AND NOT by_service ORDER BY project_no, sandbox_id, epoch, spec_table, spec, worker_boot DESC, hash), "
            "sworn AS (SELECT count(*) AS n, coalesce(sha256(string_agg(hash, ''::bytea ORDER BY hash)), "
            "sha256(''::bytea)) AS digest FROM newest), "
            "whole AS (INSERT INTO dm.worker_period_late (worker_no, period_start) SELECT w.worker_no, w.period_start "
            "FROM dm.worker_period w, sworn s WHERE w.worker_no = $1::bigint "
            "AND w.period_start = dm.ts($2::bigint * 1000000) AND NOT w.attested AND EXISTS (SELECT FROM "
            "dm.attestation_end e WHERE e.worker_no = w.worker_no AND e.period_start = w.period_start "
            "AND e.attested = s.n AND e.digest = s.digest) ON CONFLICT DO NOTHING RETURNING worker_no, period_start) "
            "INSERT INTO dm.late (account_no, period_start, sandbox_id) SELECT DISTINCT u.account_no, u.period_start, "
            "u.sandbox_id FROM whole w JOIN (SELECT account_no, period_start, sandbox_id, epoch, worker_no "
            "FROM dm.usage_period UNION SELECT account_no, period_start, sandbox_id, epoch, worker_no FROM "
            "dm.usage_late) u "
            "USING (worker_no, period_start) WHERE u.account_no <> 0 AND u.period_start = dm.ts($2::bigint * 1000000) "
            "AND NOT EXISTS (SELECT FROM dm.attestation a WHERE a.period_start = u.period_start "
            "AND a.account_no = u.account_no AND a.sandbox_id = u.sandbox_id AND a.epoch = u.epoch AND NOT "
            "a.by_service)",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)worker_no.v), dm_pa_i64(start)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

/* As PostgreSQL reads a bit string in hexadecimal; periods are whole minutes, so that there is no rest. */
static void put_bits(dm_jw *w, const char *name, const dm_accum_bits *bits, uint32_t n)
{
    char text[1 + DM_PERIOD_S_MAX / 4 + 1] = "X";
    if (bits->map == NULL && bits->from == bits->to)
        return;
    for (uint32_t i = 0; i < n; i += 4) {
        unsigned four = (unsigned)(dm_accum_bit(bits, i) << 3 | dm_accum_bit(bits, i + 1) << 2 |
                                   dm_accum_bit(bits, i + 2) << 1 | dm_accum_bit(bits, i + 3));
        text[1 + i / 4] = "0123456789ABCDEF"[four];
    }
    text[1 + n / 4] = '\0';
    dm_jw_kc(w, name, text);
}

int dm_sql_usage_add(dm_many *m, const dm_accum_row *row, uint32_t period_s, dm_err *err)
{
    const dm_accum_key *k = &row->key;
    char hex[2 * DM_SANDBOX_ID_BYTES + 1];
    dm_jw *w = dm_many_row(m);
    dm_jw_ku64(w, "project_no", k->project_no);
    dm_hex(k->sandbox.b, sizeof(k->sandbox.b), hex);
    dm_jw_kc(w, "sandbox_id", hex);
    dm_jw_ku64(w, "epoch", k->epoch);
    dm_jw_ku64(w, "spec_table", k->spec_table);
    dm_jw_ku64(w, "spec", k->spec);
    dm_jw_ku64(w, "region_no", k->region_no);
    dm_jw_ki64(w, "worker_no", (int64_t)k->worker_no.v);
    put_bits(w, "run", &row->run, period_s);
    put_bits(w, "hib", &row->hib, period_s);
    dm_jw_key(w, "disk");
    dm_jw_arr(w);
    for (uint32_t i = 0; i < period_s / 60; i++)
        dm_jw_i64(w, dm_accum_disk(row, i) == DM_DISK_UNKNOWN ? -1 : (int64_t)dm_accum_disk(row, i));
    dm_jw_arr_end(w);
    return dm_many_row_end(m, err);
}

int dm_sql_usage_gap_add(
        dm_pg *c, const dm_accum_key *k, int64_t start, int64_t from_s, int64_t to_s, const char *cause, dm_err *err)
{
    static const dm_pg_stmt st = {"close_usage_gap_add",
            "INSERT INTO dm.usage_gap (account_no, project_no, period_start, sandbox_id, epoch, from_s, to_s, cause, "
            "resolution) VALUES (coalesce((SELECT account_no FROM dm.project WHERE project_no = $1::bigint), 0), "
            "$1::bigint, dm.ts($2::bigint * 1000000), $3, $4::int, $5::bigint, $6::bigint, $7, 'written_off') "
            "ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(k->project_no), dm_pa_i64(start), dm_pa_bytes(k->sandbox.b, sizeof(k->sandbox.b)),
            dm_pa_i64(k->epoch), dm_pa_i64(from_s), dm_pa_i64(to_s), dm_pa_c(cause)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_unknown_projects(dm_pg *c, int64_t start, int64_t *n, dm_err *err)
{
    static const dm_pg_stmt st = {"close_unknown_projects",
            "INSERT INTO dm.anomaly (kind, worker_no, project_no, sandbox_id, epoch, period_start, detail) "
            "SELECT 'unknown_project', worker_no, project_no, sandbox_id, epoch, period_start, "
            "'no such project: nobody is charged' FROM dm.usage_period "
            "WHERE period_start = dm.ts($1::bigint * 1000000) AND account_no = 0",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(start)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, n, err);
}

int dm_sql_account_periods_add(dm_pg *c, int64_t start, dm_err *err)
{
    static const dm_pg_stmt st = {"close_account_periods_add",
            "INSERT INTO dm.account_period (account_no, period_start) "
            "SELECT account_no, period_start FROM dm.usage_period "
            "WHERE period_start = dm.ts($1::bigint * 1000000) AND account_no <> 0 "
            "UNION SELECT account_no, period_start FROM dm.attestation "
            "WHERE period_start = dm.ts($1::bigint * 1000000) AND account_no <> 0 "
            "UNION SELECT account_no, dm.ts($1::bigint * 1000000) FROM dm.late "
            "WHERE stated_in IS NULL AND period_start < dm.ts($1::bigint * 1000000)",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(start)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}
