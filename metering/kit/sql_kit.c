#include "metering/kit/sql_kit.h"

#include <assert.h>
#include <stdlib.h>

#include "base/parse.h"

void dm_sql_attests(dm_many *m, dm_pg *c, int64_t late_before, bool by_service)
{
    static const dm_pg_stmt st = {"meter_attests_add",
            "WITH new AS (INSERT INTO dm.attestation (account_no, project_no, period_start, sandbox_id, epoch, "
            "spec_table, spec, worker_no, worker_boot, by_service, hash, message, region_no, late) SELECT "
            "coalesce((SELECT p.account_no FROM dm.project p WHERE p.project_no = a.project_no), 0), a.project_no, "
            "dm.ts(a.period_start * 1000000), decode(a.sandbox_id, 'hex'), a.epoch, a.spec_table, a.spec, a.worker_no, "
            "a.worker_boot, $2::boolean, decode(a.hash, 'hex'), decode(a.message, 'hex'), a.region_no, "
            "a.period_start < $3::bigint "
            "FROM json_to_recordset($1::json) AS a (project_no bigint, period_start bigint, sandbox_id text, "
            "epoch int, spec_table int, spec int, worker_no bigint, worker_boot bigint, hash text, message text, "
            "region_no int) ON CONFLICT DO NOTHING "
            "RETURNING worker_no, worker_boot, account_no, project_no, period_start, sandbox_id, epoch, late), "
            "owed AS (INSERT INTO dm.late (account_no, period_start, sandbox_id) SELECT DISTINCT account_no, "
            "period_start, sandbox_id FROM new WHERE late AND account_no <> 0) "
            "INSERT INTO dm.anomaly (kind, worker_no, worker_boot, account_no, project_no, period_start, sandbox_id, "
            "epoch, detail) SELECT 'late', worker_no, worker_boot, account_no, project_no, period_start, sandbox_id, "
            "epoch, 'an attestation for a period that is closed' FROM new WHERE late",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_bool(by_service), dm_pa_i64(late_before)};
    dm_many_init(m, c, &st, args, DM_LEN(args));
}

static_assert(2 * DM_ATTEST_BYTES_MAX + 1024 <= DM_MANY_ROW_BYTES, "an attestation fits into a row");

int dm_sql_attest_add(dm_many *m, const dm_attest *a, dm_str message, const dm_digest *hash, dm_err *err)
{
    char hex[2 * DM_SHA256 + 1];
    dm_jw *w = dm_many_row(m);
    dm_jw_ku64(w, "project_no", a->project_no);
    dm_jw_ki64(w, "period_start", a->period_start);
    dm_hex(a->sandbox.b, sizeof(a->sandbox.b), hex);
    dm_jw_kc(w, "sandbox_id", hex);
    dm_jw_ku64(w, "epoch", a->epoch);
    dm_jw_ku64(w, "spec_table", a->spec_table);
    dm_jw_ku64(w, "spec", a->spec);
    dm_jw_ki64(w, "worker_no", (int64_t)a->worker_no);
    dm_jw_ki64(w, "worker_boot", (int64_t)a->worker_boot);
    dm_jw_ku64(w, "region_no", a->region_no);
    dm_hex(hash->b, sizeof(hash->b), hex);
    dm_jw_kc(w, "hash", hex);
    DM_AUTO_MEM char *text = malloc(2 * message.n + 1);
    if (text == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for an attestation");
    dm_hex(message.p, message.n, text);
    dm_jw_kc(w, "message", text);
    return dm_many_row_end(m, err);
}

static dm_pg_arg unless_zero(int64_t v)
{
    return v != 0 ? dm_pa_i64(v) : dm_pa_null();
}

int dm_sql_anomaly_add(dm_pg *c, const dm_anomaly *a, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_anomaly_add",
            "INSERT INTO dm.anomaly (kind, worker_no, worker_boot, account_no, project_no, sandbox_id, epoch, "
            "period_start, detail) VALUES ($1, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6, $7::bigint, "
            "dm.ts($8::bigint * 1000000), $9 || CASE WHEN $10::bigint > 1 THEN ' (' || $10::bigint || ' times)' "
            "ELSE '' END)",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_c(a->kind), unless_zero((int64_t)a->worker_no.v), unless_zero((int64_t)a->worker_boot),
            unless_zero(a->account_no.v), unless_zero(a->project_no.v),
            a->has_sandbox ? dm_pa_bytes(a->sandbox.b, sizeof(a->sandbox.b)) : dm_pa_bytes(NULL, 0),
            unless_zero(a->epoch), a->period_start >= 0 ? dm_pa_i64(a->period_start) : dm_pa_null(), dm_pa_c(a->detail),
            dm_pa_i64((int64_t)a->count)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_anomaly_once(dm_pg *c, const dm_anomaly *a, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_anomaly_once",
            "INSERT INTO dm.anomaly (kind, account_no, period_start, detail) "
            "SELECT $1, $2::bigint, dm.ts($3::bigint * 1000000), $4 WHERE NOT EXISTS (SELECT FROM dm.anomaly "
            "WHERE kind = $1 AND account_no IS NOT DISTINCT FROM $2::bigint "
            "AND period_start IS NOT DISTINCT FROM dm.ts($3::bigint * 1000000) AND detail = $4)",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_c(a->kind), unless_zero(a->account_no.v),
            a->period_start >= 0 ? dm_pa_i64(a->period_start) : dm_pa_null(), dm_pa_c(a->detail)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_outbox_add(dm_pg *c, const char *topic, dm_str key, dm_str json, dm_err *err)
{
    static const dm_pg_stmt st = {
            "meter_outbox_add", "INSERT INTO dm.outbox (topic, key, payload) VALUES ($1, $2, $3::jsonb)", DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_c(topic), dm_pa_text(key), dm_pa_text(json)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_beat(dm_pg *c, const dm_beat *b, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_beat",
            "INSERT INTO dm.meter_beat (owner, version, started_at, lag_frames, lag_attestations)"
            " VALUES ($1::uuid, $2, dm.ts($3), $4, $5) ON CONFLICT (one) DO UPDATE SET owner = excluded.owner,"
            " version = excluded.version, started_at = excluded.started_at, lag_frames = excluded.lag_frames,"
            " lag_attestations = excluded.lag_attestations, beat_at = now()",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_c(b->owner), dm_pa_c(b->version), dm_pa_i64(b->started_us),
            dm_pa_i64(b->lag_frames), dm_pa_i64(b->lag_attestations)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}
