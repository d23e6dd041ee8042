#include "metering/kit/sql_kit.h"

int dm_sql_attest_add(
        dm_pg *c, const dm_attest *a, dm_str message, const dm_digest *hash, bool late, bool by_service, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_attest_add",
            "WITH new AS (INSERT INTO dm.attestation (account_no, project_no, period_start, sandbox_id, epoch, "
            "spec_table, spec, worker_no, worker_boot, by_service, hash, message, region_no) "
            "VALUES (coalesce((SELECT account_no FROM dm.project WHERE project_no = $1::bigint), 0), $1::bigint, "
            "dm.ts($2::bigint * 1000000), $3, $4::int, $5::int, $6::int, $7::bigint, $8::bigint, $9::boolean, $10, "
            "$11, "
            "$13::int) ON CONFLICT DO NOTHING RETURNING account_no, project_no, period_start, sandbox_id, epoch) "
            "INSERT INTO dm.anomaly (kind, worker_no, worker_boot, account_no, project_no, period_start, sandbox_id, "
            "epoch, detail) SELECT 'late', $7::bigint, $8::bigint, account_no, project_no, period_start, sandbox_id, "
            "epoch, 'an attestation for a period that is closed' FROM new WHERE $12::boolean",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(a->project_no), dm_pa_i64(a->period_start),
            dm_pa_bytes(a->sandbox.b, sizeof(a->sandbox.b)), dm_pa_i64(a->epoch), dm_pa_i64(a->spec_table),
            dm_pa_i64(a->spec), dm_pa_i64((int64_t)a->worker_no), dm_pa_i64((int64_t)a->worker_boot),
            dm_pa_bool(by_service), dm_pa_bytes(hash->b, sizeof(hash->b)), dm_pa_bytes(message.p, message.n),
            dm_pa_bool(late), dm_pa_i64(a->region_no)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
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
