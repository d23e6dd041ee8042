#include "base/wire/topic.h"

#include "metering/read/evidence.h"

static dm_pg_arg unless_zero(int64_t v)
{
    return v != 0 ? dm_pa_i64(v) : dm_pa_null();
}

static int listed(dm_pg *c, const dm_pg_stmt *st, const dm_pg_stmt *count, const dm_pg_arg *args, size_t n,
        size_t filters, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    int r = dm_pg_exec(c, st, args, n, out, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, count, args, filters, total, err);
}

/* --- how far ------------------------------------------------------------------------------------------------ */

int dm_evidence_marks(
        dm_pg *c, int64_t after, int64_t limit, int64_t periods, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"evidence_marks",
            "WITH p AS (SELECT period_start, period_s, dm.us(period_start) / 1000000 AS s FROM dm.period"
            "   ORDER BY period_start DESC LIMIT $3::bigint)"
            " SELECT w.worker_no, m.worker_boot, m.last_frame, m.complete_through, dm.us(w.beat_at), w.name, r.name,"
            " w.state, (SELECT coalesce(jsonb_agg(CASE WHEN x.worker_no IS NULL THEN 'none' WHEN EXISTS (SELECT FROM"
            "     dm.frame_gap g WHERE g.worker_no = w.worker_no AND g.from_s < p.s + p.period_s AND g.to_s > p.s)"
            "   THEN 'gap' WHEN NOT x.complete THEN 'late' WHEN NOT x.attested THEN 'unattested' ELSE 'ok' END"
            "   ORDER BY p.s), '[]') FROM p LEFT JOIN dm.worker_period x ON x.worker_no = w.worker_no"
            "   AND x.period_start = p.period_start)"
            " FROM (SELECT * FROM dm.worker WHERE worker_no > $1::bigint ORDER BY worker_no LIMIT $2::bigint) w"
            " JOIN dm.region r USING (region_no) LEFT JOIN dm.worker_mark m USING (worker_no) ORDER BY w.worker_no",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"evidence_marks_count", DM_PG_COUNT("FROM dm.worker"), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(limit), dm_pa_i64(periods)};
    return listed(c, &st, &count, args, DM_LEN(args), 0, out, total, err);
}

void dm_evidence_mark_read(const dm_pg_rows *rows, size_t i, dm_evidence_mark *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_evidence_mark, no)},
            {DM_COL_I64, offsetof(dm_evidence_mark, boot)}, {DM_COL_I64, offsetof(dm_evidence_mark, frame)},
            {DM_COL_I64, offsetof(dm_evidence_mark, through)}, {DM_COL_I64, offsetof(dm_evidence_mark, beat_us)},
            {DM_COL_STR, offsetof(dm_evidence_mark, name)}, {DM_COL_STR, offsetof(dm_evidence_mark, region)},
            {DM_COL_STR, offsetof(dm_evidence_mark, state)}, {DM_COL_STR, offsetof(dm_evidence_mark, cells)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

int dm_evidence_periods(dm_pg *c, int64_t periods, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"evidence_periods",
            "SELECT us FROM (SELECT dm.us(period_start) AS us FROM dm.period ORDER BY period_start DESC"
            " LIMIT $1::bigint) p ORDER BY us",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(periods)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_evidence_parts(
        dm_pg *c, dm_str topic, int64_t part, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"evidence_parts",
            "SELECT part, next_offset, generation, topic FROM dm.consumer_offset"
            " WHERE $1::text IS NULL OR (replace(topic, '.', '-') COLLATE \"C\", part) > ($1::text, $2::bigint)"
            " ORDER BY replace(topic, '.', '-') COLLATE \"C\", part LIMIT $3::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"evidence_parts_count", DM_PG_COUNT("FROM dm.consumer_offset"), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_text(topic), dm_pa_i64(part), dm_pa_i64(limit)};
    return listed(c, &st, &count, args, DM_LEN(args), 0, out, total, err);
}

void dm_evidence_part_read(const dm_pg_rows *rows, size_t i, dm_evidence_part *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_evidence_part, part)},
            {DM_COL_I64, offsetof(dm_evidence_part, next)}, {DM_COL_I64, offsetof(dm_evidence_part, generation)},
            {DM_COL_STR, offsetof(dm_evidence_part, topic)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

/* --- what is missing ---------------------------------------------------------------------------------------- */

#define GAPS                                                                                                           \
    "FROM dm.usage_gap g LEFT JOIN dm.account a USING (account_no) LEFT JOIN dm.project p USING (account_no,"          \
    " project_no) WHERE ($1::bigint IS NULL OR g.period_start = dm.ts($1::bigint))"                                    \
    " AND ($2::text IS NULL OR a.id = $2::uuid)"
int dm_evidence_gaps(dm_pg *c, int64_t period_us, dm_str account, const dm_evidence_gap *after, int64_t limit,
        dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"evidence_gaps",
            "SELECT dm.us(g.period_start), g.account_no, g.project_no, g.epoch, g.from_s, g.to_s, a.id, p.id, g.cause,"
            " g.resolution, g.sandbox_id " GAPS
            " AND ($3::bigint IS NULL OR (g.period_start <= dm.ts($3::bigint) AND (g.period_start < dm.ts($3::bigint)"
            "   OR (g.account_no, g.project_no, g.sandbox_id, g.epoch, g.from_s)"
            "     > ($4::bigint, $5::bigint, $6::bytea, $7::bigint, $8::bigint))))"
            " ORDER BY g.period_start DESC, g.account_no, g.project_no, g.sandbox_id, g.epoch, g.from_s"
            " LIMIT $9::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"evidence_gaps_count", DM_PG_COUNT(GAPS), DM_PG_ONE};
    static const dm_evidence_gap first = {.period_us = 0};
    const dm_evidence_gap *at = after != NULL ? after : &first;
    const dm_pg_arg args[] = {unless_zero(period_us), dm_pa_text(account), unless_zero(at->period_us),
            dm_pa_i64(at->account_no), dm_pa_i64(at->project_no), dm_pa_bytes(at->sandbox.b, sizeof at->sandbox.b),
            dm_pa_i64(at->epoch), dm_pa_i64(at->from_s), dm_pa_i64(limit)};
    return listed(c, &st, &count, args, DM_LEN(args), 2, out, total, err);
}

int dm_evidence_gap_read(const dm_pg_rows *rows, size_t i, dm_evidence_gap *out, dm_err *err)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_evidence_gap, period_us)},
            {DM_COL_I64, offsetof(dm_evidence_gap, account_no)}, {DM_COL_I64, offsetof(dm_evidence_gap, project_no)},
            {DM_COL_I64, offsetof(dm_evidence_gap, epoch)}, {DM_COL_I64, offsetof(dm_evidence_gap, from_s)},
            {DM_COL_I64, offsetof(dm_evidence_gap, to_s)}, {DM_COL_MAYBE, offsetof(dm_evidence_gap, account)},
            {DM_COL_MAYBE, offsetof(dm_evidence_gap, project)}, {DM_COL_STR, offsetof(dm_evidence_gap, cause)},
            {DM_COL_STR, offsetof(dm_evidence_gap, resolution)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
    return dm_pg_bytes(rows, i, (unsigned)DM_LEN(fields), out->sandbox.b, sizeof out->sandbox.b, err);
}

#define LOST "FROM dm.frame_gap g LEFT JOIN dm.worker w USING (worker_no) WHERE ($1::bigint IS NULL OR worker_no = $1)"
int dm_evidence_lost_frames(dm_pg *c, int64_t worker, const dm_evidence_lost *after, int64_t limit, dm_pg_rows **out,
        dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"evidence_lost",
            "SELECT worker_no, g.worker_boot, g.first_frame, g.last_frame, g.from_s, g.to_s, dm.us(g.written_off_at),"
            " w.name " LOST " AND ($2::bigint IS NULL OR (g.from_s <= $2::bigint AND (g.from_s < $2::bigint"
            "   OR (worker_no, g.worker_boot, g.first_frame) > ($3::bigint, $4::bigint, $5::bigint))))"
            " ORDER BY g.from_s DESC, worker_no, g.worker_boot, g.first_frame LIMIT $6::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"evidence_lost_count", DM_PG_COUNT(LOST), DM_PG_ONE};
    static const dm_evidence_lost first = {.worker = 0};
    const dm_evidence_lost *at = after != NULL ? after : &first;
    const dm_pg_arg args[] = {unless_zero(worker), after != NULL ? dm_pa_i64(at->from_s) : dm_pa_null(),
            dm_pa_i64(at->worker), dm_pa_i64(at->boot), dm_pa_i64(at->first), dm_pa_i64(limit)};
    return listed(c, &st, &count, args, DM_LEN(args), 1, out, total, err);
}

void dm_evidence_lost_read(const dm_pg_rows *rows, size_t i, dm_evidence_lost *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_evidence_lost, worker)},
            {DM_COL_I64, offsetof(dm_evidence_lost, boot)}, {DM_COL_I64, offsetof(dm_evidence_lost, first)},
            {DM_COL_I64, offsetof(dm_evidence_lost, last)}, {DM_COL_I64, offsetof(dm_evidence_lost, from_s)},
            {DM_COL_I64, offsetof(dm_evidence_lost, to_s)}, {DM_COL_I64, offsetof(dm_evidence_lost, written_off_us)},
            {DM_COL_MAYBE, offsetof(dm_evidence_lost, name)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

/* --- what could not be taken -------------------------------------------------------------------------------- */

/* Base64 has four characters of three bytes: a part of it that is cut there is one of those bytes. */
#define SHOWN "1024"
#define DEAD                                                                                                           \
    "FROM dm.outbox o WHERE o.topic = '" DM_TOPIC_DLQ "' AND ($1::text IS NULL OR o.payload ->> 'reason' = $1::text)"
int dm_evidence_dead_letters(
        dm_pg *c, dm_str reason, int64_t before, int64_t limit, dm_pg_rows **out, dm_pg_total *total, dm_err *err)
{
    static const dm_pg_stmt st = {"evidence_dead",
            "SELECT o.outbox_no, dm.us(o.made_at), dm.us(o.sent_at), coalesce((o.payload ->> 'count')::bigint, 1),"
            " coalesce(length(v.v) / 4 * 3 - length(v.v) + length(rtrim(v.v, '=')), 0), o.payload ->> 'reason',"
            " o.payload ->> 'detail', o.payload ->> 'topic',"
            " o.payload - '{count,reason,detail,topic,value}'::text[], left(coalesce(v.v, ''), " SHOWN ")"
            " FROM (SELECT * " DEAD " AND o.outbox_no < $2::bigint ORDER BY o.outbox_no DESC LIMIT $3::bigint) o,"
            " LATERAL (SELECT o.payload ->> 'value' AS v) v ORDER BY o.outbox_no DESC",
            DM_PG_ROWS};
    static const dm_pg_stmt count = {"evidence_dead_count", DM_PG_COUNT(DEAD), DM_PG_ONE};
    const dm_pg_arg args[] = {
            dm_pa_text(reason.n > 0 ? reason : (dm_str){NULL, 0}), dm_pa_i64(before), dm_pa_i64(limit)};
    return listed(c, &st, &count, args, DM_LEN(args), 1, out, total, err);
}

void dm_evidence_dead_read(const dm_pg_rows *rows, size_t i, dm_evidence_dead *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_evidence_dead, no)},
            {DM_COL_I64, offsetof(dm_evidence_dead, at_us)}, {DM_COL_I64, offsetof(dm_evidence_dead, sent_us)},
            {DM_COL_I64, offsetof(dm_evidence_dead, count)}, {DM_COL_I64, offsetof(dm_evidence_dead, bytes)},
            {DM_COL_STR, offsetof(dm_evidence_dead, reason)}, {DM_COL_STR, offsetof(dm_evidence_dead, detail)},
            {DM_COL_MAYBE, offsetof(dm_evidence_dead, topic)}, {DM_COL_STR, offsetof(dm_evidence_dead, place)},
            {DM_COL_STR, offsetof(dm_evidence_dead, value)}};
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}
