#include "metering/ledger/sql_ledger.h"

int dm_sql_partitions(dm_pg *c, int64_t from_s, int64_t to_s, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_partitions", "SELECT dm.add_partitions($1::bigint, $2::bigint)", DM_PG_ONE};
    dm_pg_arg args[] = {dm_pa_i64(from_s), dm_pa_i64(to_s)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    return dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
}

int dm_sql_service_key(dm_pg *c, const dm_public_key *key, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_service_key",
            "INSERT INTO dm.service_key (public_key) VALUES ($1) ON CONFLICT DO NOTHING", DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_bytes(key->b, sizeof(key->b))};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

/* --- the fence ---------------------------------------------------------------------------------------------- */

int dm_sql_offset_take(
        dm_pg *c, const char *topic, int32_t part, const char *owner, int64_t *next, int64_t *generation, dm_err *err)
{
    /* The conflict's update locks the row as SELECT FOR UPDATE would: whoever is in the middle of a flush goes first,
     * and this sees what it wrote. */
    static const dm_pg_stmt st = {"meter_offset_take",
            "INSERT INTO dm.consumer_offset AS o (topic, part, owner, generation) VALUES ($1, $2::int, $3::uuid, 1) "
            "ON CONFLICT (topic, part) DO UPDATE SET owner = excluded.owner, generation = o.generation + 1 "
            "RETURNING next_offset, generation",
            DM_PG_ONE};
    dm_pg_arg args[] = {dm_pa_c(topic), dm_pa_i64(part), dm_pa_c(owner)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *next = dm_pg_i64(rows, 0, 0);
    *generation = dm_pg_i64(rows, 0, 1);
    return 0;
}

int dm_sql_offset_move(dm_pg *c, const char *topic, int32_t part, const char *owner, int64_t generation, int64_t from,
        int64_t to, bool *held, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_offset_move",
            "UPDATE dm.consumer_offset SET next_offset = $1::bigint WHERE topic = $2 AND part = $3::int "
            "AND next_offset = $4::bigint AND owner = $5::uuid AND generation = $6::bigint",
            DM_PG_NONE};
    dm_pg_arg args[] = {
            dm_pa_i64(to), dm_pa_c(topic), dm_pa_i64(part), dm_pa_i64(from), dm_pa_c(owner), dm_pa_i64(generation)};
    int64_t changed = 0;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), NULL, &changed, err);
    if (r == 0)
        *held = changed == 1;
    return r;
}

int dm_sql_holder_take(dm_pg *c, const char *owner, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_holder_take",
            "INSERT INTO dm.meter_holder AS h (owner) VALUES ($1::uuid) ON CONFLICT (one) DO UPDATE SET owner = "
            "excluded.owner",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_c(owner)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_holder_is(dm_pg *c, const char *owner, bool *held, dm_err *err)
{
    static const dm_pg_stmt st = {
            "meter_holder_is", "SELECT 1 FROM dm.meter_holder WHERE owner = $1::uuid FOR SHARE", DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_c(owner)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *held = dm_pg_count(rows) == 1;
    return r;
}

/* --- evidence ----------------------------------------------------------------------------------------------- */

int dm_sql_chunk_add(dm_pg *c, const dm_chunk *k, dm_str packed, dm_err *err)
{
    /* A frame that arrived after its gap was written off may come again after a restart: it is there already. */
    static const dm_pg_stmt st = {"meter_chunk_add",
            "INSERT INTO dm.usage_chunk (worker_no, worker_boot, first_frame, first_part, last_frame, first_second, "
            "last_second, frames, raw_bytes, payload) VALUES ($1::bigint, $2::bigint, $3::bigint, $4::int, $5::bigint, "
            "$6::bigint, $7::bigint, $8::int, $9::int, $10) ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)k->worker_no.v), dm_pa_i64((int64_t)k->boot),
            dm_pa_i64((int64_t)k->first_frame), dm_pa_i64(k->first_part), dm_pa_i64((int64_t)k->last_frame),
            dm_pa_i64(k->first_second), dm_pa_i64(k->last_second), dm_pa_i64(k->frames), dm_pa_i64((int64_t)k->raw.len),
            dm_pa_bytes(packed.p, packed.n)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_chunks_after(dm_pg *c, const dm_chunk_pos *pos, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_chunks_after",
            "SELECT first_second, worker_no, worker_boot, first_frame, first_part, raw_bytes, payload "
            "FROM dm.usage_chunk WHERE first_second >= $1::bigint "
            "AND (first_second, worker_no, worker_boot, first_frame, first_part) "
            "> ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::int) "
            "ORDER BY first_second, worker_no, worker_boot, first_frame, first_part LIMIT $6::bigint",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(pos->first_second), dm_pa_i64(pos->worker_no), dm_pa_i64(pos->boot),
            dm_pa_i64(pos->first_frame), dm_pa_i64(pos->first_part), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_mark_save(dm_pg *c, dm_worker_no worker_no, const dm_track_mark *m, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_mark_save",
            "INSERT INTO dm.worker_mark (worker_no, worker_boot, last_frame, last_second, complete_through) "
            "VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint) ON CONFLICT (worker_no) DO UPDATE SET "
            "worker_boot = excluded.worker_boot, last_frame = excluded.last_frame, last_second = excluded.last_second, "
            "complete_through = excluded.complete_through",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)worker_no.v), dm_pa_i64((int64_t)m->boot), dm_pa_i64((int64_t)m->frame),
            dm_pa_i64(m->second), dm_pa_i64(m->complete_through)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_marks(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_marks",
            "SELECT worker_no, worker_boot, last_frame, last_second, complete_through FROM dm.worker_mark "
            "ORDER BY worker_no",
            DM_PG_ROWS};
    return dm_pg_exec(c, &st, NULL, 0, out, NULL, err);
}

int dm_sql_gap_add(dm_pg *c, const dm_track_gap *g, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_gap_add",
            "INSERT INTO dm.frame_gap (worker_no, worker_boot, first_frame, last_frame, from_s, to_s) "
            "VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint, $6::bigint) ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)g->worker_no.v), dm_pa_i64((int64_t)g->boot), dm_pa_i64((int64_t)g->first),
            dm_pa_i64((int64_t)g->last), dm_pa_i64(g->from_s), dm_pa_i64(g->to_s)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_gaps(dm_pg *c, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_gaps",
            "SELECT * FROM (SELECT worker_no, worker_boot, first_frame, last_frame, from_s, to_s FROM dm.frame_gap "
            "ORDER BY from_s DESC LIMIT $1::bigint) g ORDER BY from_s",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_workers(dm_pg *c, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_workers",
            "SELECT worker_no, sealed_from_boot FROM (SELECT worker_no, sealed_from_boot FROM dm.worker "
            "ORDER BY gone_at IS NOT NULL, worker_no DESC LIMIT $1::bigint) w ORDER BY worker_no",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_attest_end_add(dm_pg *c, const dm_attest_end *e, dm_str message, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_attest_end_add",
            "INSERT INTO dm.attestation_end (worker_no, period_start, worker_boot, attested, digest, message) "
            "VALUES ($1::bigint, dm.ts($2::bigint * 1000000), $3::bigint, $4::bigint, $5, $6) ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)e->worker_no), dm_pa_i64(e->period_start),
            dm_pa_i64((int64_t)e->worker_boot), dm_pa_i64(e->count), dm_pa_bytes(e->all.b, sizeof(e->all.b)),
            dm_pa_bytes(message.p, message.n)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_worker_keys(dm_pg *c, dm_worker_no worker_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_worker_keys",
            "SELECT public_key, dm.us(valid_from) / 1000000, dm.us(valid_to) / 1000000 FROM dm.worker_key "
            "WHERE worker_no = $1::bigint ORDER BY valid_from DESC, public_key LIMIT 16",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)worker_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

/* --- outbox ------------------------------------------------------------------------------------------------- */

int dm_sql_outbox_unsent(dm_pg *c, const char *topic, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_outbox_unsent",
            "SELECT outbox_no, key, payload FROM dm.outbox WHERE sent_at IS NULL AND topic = $1 ORDER BY outbox_no "
            "LIMIT $2::bigint",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_c(topic), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_outbox_sent(dm_pg *c, int64_t outbox_no, dm_err *err)
{
    static const dm_pg_stmt st = {
            "meter_outbox_sent", "UPDATE dm.outbox SET sent_at = now() WHERE outbox_no = $1::bigint", DM_PG_NONE};
    dm_pg_arg args[] = {dm_pa_i64(outbox_no)};
    return dm_pg_batch_add(c, &st, args, DM_LEN(args), err);
}

int dm_sql_last_period(dm_pg *c, int64_t *start, int64_t *period_s, dm_err *err)
{
    static const dm_pg_stmt st = {"meter_last_period",
            "SELECT dm.us(period_start) / 1000000, period_s FROM dm.period ORDER BY period_start DESC LIMIT 1",
            DM_PG_MAYBE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, NULL, 0, &rows, NULL, err);
    if (r < 0)
        return r;
    bool any = dm_pg_count(rows) == 1;
    *start = any ? dm_pg_i64(rows, 0, 0) : -1;
    *period_s = any ? dm_pg_i64(rows, 0, 1) : 0;
    return 0;
}
