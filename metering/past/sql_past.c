#include "metering/past/sql_past.h"

#include "metering/limits.h"

int dm_sql_past_done(dm_pg *c, int64_t *through, dm_err *err)
{
    static const dm_pg_stmt st = {"past_done", "SELECT through FROM dm.usage_past_done", DM_PG_MAYBE};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, NULL, 0, &rows, NULL, err);
    if (r == 0)
        *through = dm_pg_count(rows) == 1 ? dm_pg_i64(rows, 0, 0) : -1;
    return r;
}

int dm_sql_past_set_done(dm_pg *c, int64_t through, dm_err *err)
{
    static const dm_pg_stmt st = {"past_set_done",
            "INSERT INTO dm.usage_past_done (through) VALUES ($1::bigint) ON CONFLICT (one)"
            " DO UPDATE SET through = excluded.through",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(through)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_past_turn(dm_pg *c, int64_t at, int64_t keep_from, dm_err *err)
{
    static const dm_pg_stmt st = {"past_turn", "SELECT dm.turn_past($1::bigint, $2::bigint)", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(at), dm_pa_i64(keep_from)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_past_chunks(
        dm_pg *c, int64_t from, int64_t to, const dm_past_place *behind, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    /* A chunk is within one period. */
    static const dm_pg_stmt st = {"past_chunks",
            "SELECT first_second, worker_no, worker_boot, first_frame, first_part, raw_bytes, payload"
            " FROM dm.usage_chunk WHERE first_second > $1::bigint - $9::bigint AND first_second < $2::bigint"
            " AND last_second >= $1 AND first_part < $10::int"
            " AND (first_second, worker_no, worker_boot, first_frame, first_part)"
            " > ($3::bigint, $4::bigint, $5::bigint, $6::bigint, $7::int)"
            " ORDER BY first_second, worker_no, worker_boot, first_frame, first_part LIMIT $8::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(from), dm_pa_i64(to), dm_pa_i64(behind->first_second),
            dm_pa_i64(behind->worker_no), dm_pa_i64(behind->boot), dm_pa_i64(behind->first_frame),
            dm_pa_i64(behind->first_part), dm_pa_i64(limit), dm_pa_i64(DM_PERIOD_S_MAX), dm_pa_i64(DM_TRACK_PARTS_MAX)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

void dm_sql_past_rows(dm_many *m, dm_pg *c, int64_t slot)
{
    static const dm_pg_stmt st = {"past_rows",
            "INSERT INTO dm.usage_past (slot, account_no, project_no, sandbox_id, figures)"
            " SELECT $2::bigint, p.account_no, p.project_no, decode(x.sandbox, 'hex'), x.figures"
            " FROM jsonb_to_recordset($1::jsonb) x (project_no bigint, sandbox text, figures int[])"
            " JOIN dm.project p ON p.project_no = x.project_no ON CONFLICT DO NOTHING",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(slot)};
    dm_many_init(m, c, &st, args, DM_LEN(args));
}
