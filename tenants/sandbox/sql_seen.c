#include <stddef.h>

#include "tenants/sandbox/seen.h"

static const dm_pg_field fields[] = {
        {DM_COL_STR, offsetof(dm_seen, state)},
        {DM_COL_MAYBE, offsetof(dm_seen, cause)},
        {DM_COL_MAYBE, offsetof(dm_seen, detail)},
        {DM_COL_STR, offsetof(dm_seen, account_id)},
        {DM_COL_STR, offsetof(dm_seen, account)},
        {DM_COL_STR, offsetof(dm_seen, project)},
        {DM_COL_STR, offsetof(dm_seen, region)},
        {DM_COL_I64, offsetof(dm_seen, worker.v)},
        {DM_COL_MAYBE, offsetof(dm_seen, worker_name)},
        {DM_COL_STR, offsetof(dm_seen, template_id)},
        {DM_COL_MAYBE, offsetof(dm_seen, alias)},
        {DM_COL_MAYBE, offsetof(dm_seen, key_id)},
        {DM_COL_I64, offsetof(dm_seen, epoch)},
        {DM_COL_I64, offsetof(dm_seen, vcpus)},
        {DM_COL_I64, offsetof(dm_seen, mem_mib)},
        {DM_COL_I64, offsetof(dm_seen, disk_mib)},
        {DM_COL_I64, offsetof(dm_seen, created_us)},
        {DM_COL_I64, offsetof(dm_seen, started_us)},
        {DM_COL_I64, offsetof(dm_seen, end_us)},
        {DM_COL_I64, offsetof(dm_seen, paused_us)},
        {DM_COL_I64, offsetof(dm_seen, ended_us)},
        {DM_COL_I64, offsetof(dm_seen, expires_us)},
};

#define LEFT                                                                                                           \
    " WHERE CASE WHEN $1::text IS NULL THEN s.state <> 'ended' ELSE s.state = $1::text END"                            \
    " AND ($2::text IS NULL OR a.id::text = $2::text)"                                                                 \
    " AND ($3::text IS NULL OR p.slug = $3::text OR p.id::text = $3::text)"                                            \
    " AND ($4::bigint = 0 OR s.worker_no = $4::bigint)"                                                                \
    " AND s.sandbox_id BETWEEN $5 AND $6 AND (NOT $7 OR s.state NOT IN ('starting', 'ending', 'ended'))"
#define OF_WHOM                                                                                                        \
    " FROM dm.sandbox s JOIN dm.account a USING (account_no) JOIN dm.project p USING (account_no, project_no)"

static const dm_pg_stmt count = {"seen_count", DM_PG_COUNT(OF_WHOM LEFT), DM_PG_ONE};
/* The id stands first; the rest is fields. */
static const dm_pg_stmt list = {"seen_list",
        "SELECT s.sandbox_id, s.state, s.cause, s.detail, a.id, a.legal_name, p.slug, r.name, s.worker_no, w.name,"
        " s.template_id, s.alias, k.id, s.epoch, sp.vcpus, sp.mem_mib, s.disk_mib, dm.us(s.created_at),"
        " dm.us(s.started_at), dm.us(s.end_at), dm.us(s.paused_at), dm.us(s.ended_at),"
        " (SELECT dm.us(e.expires_at) FROM dm.expiry e WHERE s.state = 'paused' AND e.account_no = s.account_no"
        "  AND e.project_no = s.project_no AND e.sandbox_id = s.sandbox_id AND e.epoch = s.epoch)" OF_WHOM
        " JOIN dm.region r ON r.region_no = s.region_no JOIN dm.spec sp USING (spec_table, spec)"
        " LEFT JOIN dm.worker w USING (worker_no) LEFT JOIN dm.api_key k ON k.key_no = s.key_no" LEFT
        " AND ($8::bigint IS NULL OR s.created_at < dm.ts($8::bigint)"
        "      OR (s.created_at = dm.ts($8::bigint) AND s.sandbox_id > $9::bytea))"
        " ORDER BY s.created_at DESC, s.sandbox_id LIMIT $10",
        DM_PG_ROWS};

int dm_seen_list(dm_pg *c, const dm_seen_filter *f, dm_pg_rows **rows, dm_pg_total *total, dm_err *err)
{
    enum { OF_FILTER = 7 };
    const dm_pg_arg args[] = {dm_pa_text(f->state), dm_pa_text(f->account), dm_pa_text(f->project),
            dm_pa_i64((int64_t)f->worker.v), dm_pa_bytes(f->from.b, sizeof f->from.b),
            dm_pa_bytes(f->to.b, sizeof f->to.b), dm_pa_bool(f->killable),
            f->from_cursor ? dm_pa_i64(f->cursor_us) : dm_pa_null(),
            f->from_cursor ? dm_pa_bytes(f->cursor_id.b, sizeof f->cursor_id.b) : dm_pa_null(), dm_pa_i64(f->limit)};
    int r = dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, OF_FILTER, total, err);
}

int dm_seen_read(const dm_pg_rows *rows, size_t i, dm_seen *out, dm_err *err)
{
    dm_seen s = {.epoch = 0};
    dm_pg_read(rows, i, 1, fields, DM_LEN(fields), &s);
    int r = dm_pg_bytes(rows, i, 0, s.id.b, sizeof s.id.b, err);
    if (r == 0)
        *out = s;
    return r;
}

static const dm_pg_stmt running = {"seen_running",
        "SELECT p.id, q.running FROM dm.quota_use q JOIN dm.project p USING (account_no, project_no)"
        " WHERE q.running > 0 ORDER BY q.running DESC, p.project_no LIMIT $1",
        DM_PG_ROWS};

int dm_seen_running(dm_pg *c, int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(limit)};
    return dm_pg_exec(c, &running, args, DM_LEN(args), rows, NULL, err);
}
