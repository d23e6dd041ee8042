#include "metering/export/data/sql_deliver.h"

int dm_sql_delivery_take(dm_pg *c, dm_delivery *out, dm_err *err)
{
    static const dm_pg_stmt st = {"delivery_take",
            "UPDATE dm.export_delivery d SET tries = tries + 1, next_at = now() + $1::bigint * interval '1 s' WHERE "
            "d.export_no = (SELECT q.export_no FROM dm.export_delivery q WHERE q.state = 'waiting' AND q.next_at <= "
            "now() ORDER BY q.next_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING account_no, export_no, tries::bigint",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(DM_DELIVERY_DEAD_S)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_DELIVERY_NONE;
    *out = (dm_delivery){dm_pg_i64(rows, 0, 0), dm_pg_i64(rows, 0, 1), dm_pg_i64(rows, 0, 2)};
    return 0;
}

int dm_sql_delivery_beat(dm_pg *c, const dm_delivery *d, dm_err *err)
{
    static const dm_pg_stmt st = {"delivery_beat",
            "UPDATE dm.export_delivery SET next_at = now() + $2::bigint * interval '1 s' WHERE export_no = $1::bigint "
            "AND state = 'waiting'",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(d->export_no), dm_pa_i64(DM_DELIVERY_DEAD_S)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_delivery_done(dm_pg *c, const dm_delivery *d, const char *object, dm_err *err)
{
    static const dm_pg_stmt st = {"delivery_done",
            "UPDATE dm.export_delivery SET state = 'delivered', object = $2, why = NULL, ended_at = now() WHERE "
            "export_no = $1::bigint AND state = 'waiting'",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(d->export_no), dm_pa_c(object)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_delivery_failed(
        dm_pg *c, const dm_delivery *d, const char *object, const char *why, int64_t again_s, dm_err *err)
{
    static const dm_pg_stmt st = {"delivery_failed",
            "UPDATE dm.export_delivery SET state = CASE WHEN $4::bigint = 0 THEN 'failed' ELSE state END, ended_at = "
            "CASE WHEN $4::bigint = 0 THEN now() END, object = NULLIF($2, ''), why = $3, next_at = now() + $4::bigint "
            "* "
            "interval '1 s' WHERE export_no = $1::bigint AND state = 'waiting'",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(d->export_no), dm_pa_c(object), dm_pa_c(why), dm_pa_i64(again_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_delivery_what(dm_pg *c, const dm_delivery *d, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"delivery_what",
            "SELECT t.endpoint, t.region, t.bucket, t.prefix, t.key_id, encode(t.secret, 'hex'), e.dataset, e.format, "
            "to_char(e.from_at AT TIME ZONE 'UTC', 'YYYY-MM'), to_char((e.to_at AT TIME ZONE 'UTC') - interval '1 us', "
            "'YYYY-MM'), e.file, e.bytes, encode(e.digest, 'hex'), e.manifest FROM dm.export_target t JOIN dm.export e "
            "ON e.export_no = $2::bigint AND e.account_no = t.account_no AND e.state = 'ready' WHERE t.account_no = "
            "$1::bigint",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(d->account_no), dm_pa_i64(d->export_no)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r == 0 && dm_pg_count(*out) == 0 ? DM_DELIVERY_NONE : r;
}
