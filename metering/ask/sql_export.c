#include <stddef.h>

#include "metering/ask/export.h"

int dm_export_entity(dm_pg *c, int64_t no, dm_export_whose *out, dm_err *err)
{
    static const dm_pg_stmt st = {"export_entity",
            "SELECT -max(entity_no)::bigint FROM dm.legal_entity WHERE $1::bigint IN (0, entity_no) HAVING count(*) = "
            "1",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(no)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_EXPORT_ENTITY;
    out->v = dm_pg_i64(rows, 0, 0);
    return 0;
}

int dm_export_order(dm_pg *c, dm_export_whose whose, const dm_export_new *o, char id[DM_UUID_TEXT], dm_err *err)
{
    static const dm_pg_stmt st = {"export_order",
            "SELECT made, again, other FROM dm.export_ask($1::bigint, $2, $3, to_timestamp($4::bigint), "
            "to_timestamp($5::bigint), $6, $7, $8)",
            DM_PG_ONE};
    bool whole = o->number.p != NULL;
    const dm_pg_arg args[] = {dm_pa_i64(whose.v), dm_pa_c(o->dataset), dm_pa_c(o->format),
            whole ? dm_pa_null() : dm_pa_i64(o->from), whole ? dm_pa_null() : dm_pa_i64(o->to), dm_pa_text(o->number),
            dm_pa_c(o->who), dm_pa_text(o->key)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_is_null(rows, 0, 0))
        return DM_EXPORT_MANY;
    if (dm_pg_bool(rows, 0, 2))
        return DM_EXPORT_OTHER;
    r = dm_str_to_array(dm_pg_str(rows, 0, 0), id, DM_UUID_TEXT, err);
    return r == 0 && dm_pg_bool(rows, 0, 1) ? DM_EXPORT_AGAIN : r;
}

int dm_export_cancel(dm_pg *c, dm_export_whose whose, dm_str id, dm_err *err)
{
    static const dm_pg_stmt st = {"export_cancel",
            "UPDATE dm.export SET cancel_at = now() WHERE whose = $1::bigint AND id = $2::uuid AND state IN "
            "('queued', 'running') AND cancel_at IS NULL",
            DM_PG_NONE};
    static const dm_pg_stmt is = {"export_cancelled",
            "SELECT cancel_at IS NOT NULL FROM dm.export WHERE whose = $1::bigint AND id = $2::uuid", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(whose.v), dm_pa_text(id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int64_t changed = 0;
    int r = dm_uuid_ok(id) ? dm_pg_exec(c, &st, args, DM_LEN(args), NULL, &changed, err) : DM_EXPORT_NONE;
    if (r != 0 || changed == 1)
        return r;
    r = dm_pg_exec(c, &is, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r < 0 ? r : DM_EXPORT_NONE;
    return dm_pg_bool(rows, 0, 0) ? DM_EXPORT_AGAIN : DM_EXPORT_OVER;
}

/* --- read --------------------------------------------------------------------------------------------------- */

/* What was cancelled is so from that moment on, also where a thread has still to hear of it. */
#define COLUMNS                                                                                                        \
    "SELECT e.export_no, coalesce(e.entity_no, 0), dm.us(e.from_at), dm.us(e.to_at), dm.us(e.asked_at), "              \
    "dm.us(e.ended_at), dm.us(e.expires_at), e.rows_done, coalesce(e.rows_all, -1), e.bytes, e.id, e.dataset, "        \
    "e.format, e.number, CASE WHEN e.entity_no IS NULL AND e.who LIKE 'operator:%' THEN 'operator' ELSE e.who END, "   \
    "CASE WHEN e.cancel_at IS NOT NULL AND e.state IN ('queued', 'running') THEN 'cancelled' ELSE e.state END, "       \
    "e.why, e.file, encode(e.digest, 'hex'), (SELECT json_build_object('state', d.state, 'tries', d.tries, "           \
    "'next_at', CASE WHEN d.state = 'waiting' THEN to_char(d.next_at AT TIME ZONE 'UTC', "                             \
    "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') END, 'object', d.object, 'why', d.why)::text FROM dm.export_delivery d WHERE "  \
    "d.export_no = e.export_no), "

static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_export, no)}, {DM_COL_I64, offsetof(dm_export, entity)},
        {DM_COL_I64, offsetof(dm_export, from_us)}, {DM_COL_I64, offsetof(dm_export, to_us)},
        {DM_COL_I64, offsetof(dm_export, asked_us)}, {DM_COL_I64, offsetof(dm_export, ended_us)},
        {DM_COL_I64, offsetof(dm_export, expires_us)}, {DM_COL_I64, offsetof(dm_export, rows_done)},
        {DM_COL_I64, offsetof(dm_export, rows_all)}, {DM_COL_I64, offsetof(dm_export, bytes)},
        {DM_COL_STR, offsetof(dm_export, id)}, {DM_COL_STR, offsetof(dm_export, dataset)},
        {DM_COL_STR, offsetof(dm_export, format)}, {DM_COL_MAYBE, offsetof(dm_export, number)},
        {DM_COL_STR, offsetof(dm_export, who)}, {DM_COL_STR, offsetof(dm_export, state)},
        {DM_COL_MAYBE, offsetof(dm_export, why)}, {DM_COL_MAYBE, offsetof(dm_export, file)},
        {DM_COL_MAYBE, offsetof(dm_export, sha256)}, {DM_COL_MAYBE, offsetof(dm_export, delivery)},
        {DM_COL_MAYBE, offsetof(dm_export, manifest)}};

int dm_export_find(dm_pg *c, dm_export_whose whose, dm_str id, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"export_find",
            COLUMNS "e.manifest FROM dm.export e WHERE e.whose = $1::bigint AND e.id = $2::uuid", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(whose.v), dm_pa_text(id)};
    if (!dm_uuid_ok(id))
        return DM_EXPORT_NONE;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r == 0 && dm_pg_count(*out) == 0 ? DM_EXPORT_NONE : r;
}

#define LISTED "FROM dm.export e WHERE e.whose = $1::bigint AND e.number IS NULL "

int dm_export_list(dm_pg *c, dm_export_whose whose, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total,
        dm_err *err)
{
    static const dm_pg_stmt st = {"export_list",
            COLUMNS "NULL " LISTED "AND e.export_no < $2::bigint ORDER BY e.export_no DESC LIMIT $3::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"export_count", DM_PG_COUNT(LISTED), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(whose.v), dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, 1, total, err);
}

#define ENTITIES "FROM dm.export e WHERE e.entity_no IS NOT NULL "

int dm_export_list_entities(dm_pg *c, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"export_entities",
            COLUMNS "NULL " ENTITIES "AND e.export_no < $1::bigint ORDER BY e.export_no DESC LIMIT $2::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"export_entities_count", DM_PG_COUNT(ENTITIES), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(before), dm_pa_i64(limit)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, NULL, 0, total, err);
}

int dm_export_whose_of(dm_pg *c, dm_str id, dm_export_whose *out, dm_err *err)
{
    static const dm_pg_stmt st = {"export_whose_of", "SELECT whose FROM dm.export WHERE id = $1::uuid", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_text(id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_uuid_ok(id) ? dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err) : DM_EXPORT_NONE;
    if (r != 0 || dm_pg_count(rows) == 0)
        return r != 0 ? r : DM_EXPORT_NONE;
    out->v = dm_pg_i64(rows, 0, 0);
    return 0;
}

void dm_export_read(const dm_pg_rows *rows, size_t i, dm_export *out)
{
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}
