/* GET /v1/ops/money/watermarks, /partitions, /gaps, /lost-frames and /dead-letters: how far the evidence is, and what
 * of it is missing or could not be taken. */
#include "metering/read/evidence.h"

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "api/ops/routes.h"

enum { PERIODS_USUAL = 12 };

/* A cursor's numbers, which are all that stands in it. */
static int numbers(dm_str text, int64_t *out, size_t n, dm_err *err)
{
    dm_str one;
    for (size_t i = 0; i < n; i++) {
        if (!dm_str_split(&text, '-', &one) || dm_parse_i64(one, 0, INT64_MAX, &out[i], NULL) < 0)
            return dm_fail(err, DM_E_INVALID, "cursor is not one of ours: begin again without it");
    }
    return text.n == 0 ? 0 : dm_fail(err, DM_E_INVALID, "cursor is not one of ours: begin again without it");
}

/* --- watermarks --------------------------------------------------------------------------------------------- */

typedef struct marks {
    dm_rows_db db;
    int64_t periods;
    dm_pg_rows *starts;
} marks;

static int query_marks(dm_pg *c, void *arg, dm_err *err)
{
    marks *l = arg;
    dm_pg_rows_free(l->starts);
    l->starts = NULL;
    int r = dm_evidence_periods(c, l->periods, &l->starts, err);
    return r < 0 ? r
                 : dm_evidence_marks(c, l->db.page.from ? l->db.page.us : 0, l->db.page.limit + 1, l->periods,
                           &l->db.rows, &l->db.total, err);
}

static void write_starts(dm_jw *w, const void *list)
{
    const marks *l = list;
    char text[32];
    dm_jw_key(w, "periods");
    dm_jw_arr(w);
    for (size_t i = 0; i < dm_pg_count(l->starts); i++) {
        dm_rfc3339(dm_pg_i64(l->starts, i, 0), text);
        dm_jw_c(w, text);
    }
    dm_jw_arr_end(w);
}

static int write_mark(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const marks *l = list;
    dm_evidence_mark m;
    (void)err;
    dm_evidence_mark_read(l->db.rows, i, &m);
    dm_jw_obj(w);
    dm_jw_ki64(w, "worker", m.no);
    dm_jw_kstr(w, "name", m.name);
    dm_jw_kstr(w, "region", m.region);
    dm_jw_kstr(w, "state", m.state);
    dm_jw_ki64(w, "boot", m.boot);
    dm_jw_ki64(w, "frame", m.frame);
    dm_jw_ktime(w, "complete_through", m.through * 1000000);
    dm_jw_ktime(w, "beat_at", m.beat_us);
    dm_jw_key(w, "cells");
    dm_jw_raw(w, m.cells);
    dm_jw_end(w);
    at->us = m.no;
    return 0;
}

static int list_marks(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {
            .order = 'm', .id = "worker", .query = query_marks, .head = write_starts, .write = write_mark};
    dm_str periods = dm_req_query(req, "periods");
    marks l = {.periods = PERIODS_USUAL};
    if (periods.p != NULL && dm_parse_i64(periods, 1, DM_EVIDENCE_PERIODS_MAX, &l.periods, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "periods must be 1 to %d", DM_EVIDENCE_PERIODS_MAX);
    int r = dm_rows_ops(req, ctx, &kind, &l, err);
    dm_pg_rows_free(l.starts);
    return r;
}

int dm_route_ops_money_watermarks(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_marks, err);
}

/* --- partitions --------------------------------------------------------------------------------------------- */

static int query_parts(dm_pg *c, void *arg, dm_err *err)
{
    dm_rows_db *db = arg;
    dm_str topic = {NULL, 0};
    if (db->page.from)
        topic = dm_str_c(db->page.id);
    return dm_evidence_parts(c, topic, db->page.us, db->page.limit + 1, &db->rows, &db->total, err);
}

static int write_part(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const dm_rows_db *db = list;
    dm_evidence_part p;
    dm_evidence_part_read(db->rows, i, &p);
    dm_jw_obj(w);
    dm_jw_kstr(w, "topic", p.topic);
    dm_jw_ki64(w, "partition", p.part);
    if (p.next >= 0)
        dm_jw_ki64(w, "next_offset", p.next);
    else
        dm_jw_kc(w, "next_offset", NULL);
    dm_jw_ki64(w, "generation", p.generation);
    dm_jw_end(w);
    at->us = p.part;
    int r = dm_rows_at(at, err, "%.*s", (int)p.topic.n, p.topic.p);
    for (char *dot = at->room; r == 0 && *dot != '\0'; dot++)
        *dot = *dot == '.' ? '-' : *dot;
    return r;
}

static int list_parts(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'q', .query = query_parts, .write = write_part};
    dm_rows_db db = {.rows = NULL};
    return dm_rows_ops(req, ctx, &kind, &db, err);
}

int dm_route_ops_money_partitions(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_parts, err);
}

/* --- gaps --------------------------------------------------------------------------------------------------- */

typedef struct gaps {
    dm_rows_db db;
    int64_t period_us;
    dm_str account;
    dm_evidence_gap after;
} gaps;

static int asked_gaps(void *arg, dm_err *err)
{
    gaps *l = arg;
    int64_t n[4];
    dm_str rest = dm_str_c(l->db.page.id), sandbox;
    if (!l->db.page.from)
        return 0;
    if (!dm_str_split(&rest, '-', &sandbox))
        sandbox.n = 0;
    int r = dm_sandbox_id_parse(sandbox, &l->after.sandbox, err);
    if (r == 0)
        r = numbers(rest, n, DM_LEN(n), err);
    if (r == 0) {
        l->after.period_us = l->db.page.us;
        l->after.account_no = n[0];
        l->after.project_no = n[1];
        l->after.epoch = n[2];
        l->after.from_s = n[3];
    }
    return r;
}

static int query_gaps(dm_pg *c, void *arg, dm_err *err)
{
    gaps *l = arg;
    return dm_evidence_gaps(c, l->period_us, l->account, l->db.page.from ? &l->after : NULL, l->db.page.limit + 1,
            &l->db.rows, &l->db.total, err);
}

static int write_gap(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const gaps *l = list;
    dm_evidence_gap g;
    int r = dm_evidence_gap_read(l->db.rows, i, &g, err);
    if (r < 0)
        return r;
    const dm_sandbox_name name = dm_sandbox_name_of(&g.sandbox);
    dm_jw_obj(w);
    dm_jw_ktime(w, "period", g.period_us);
    dm_jw_kmaybe(w, "account", g.account);
    dm_jw_kmaybe(w, "project", g.project);
    dm_jw_kc(w, "sandbox", name.s);
    dm_jw_ki64(w, "epoch", g.epoch);
    dm_jw_ktime(w, "from", g.from_s * 1000000);
    dm_jw_ktime(w, "to", g.to_s * 1000000);
    dm_jw_ki64(w, "seconds", g.to_s - g.from_s);
    dm_jw_kstr(w, "cause", g.cause);
    dm_jw_kstr(w, "resolution", g.resolution);
    dm_jw_end(w);
    at->us = g.period_us;
    return dm_rows_at(at, err, "%s-%lld-%lld-%lld-%lld", name.s, (long long)g.account_no, (long long)g.project_no,
            (long long)g.epoch, (long long)g.from_s);
}

static int list_gaps(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'g', .asked = asked_gaps, .query = query_gaps, .write = write_gap};
    dm_str period = dm_req_query(req, "period");
    gaps l = {.account = dm_req_query(req, "account")};
    if (period.p != NULL && dm_parse_rfc3339(period, &l.period_us, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "period must be a time in UTC, as 2027-01-31T12:00:00Z");
    if (l.account.p != NULL && !dm_uuid_ok(l.account))
        return dm_fail(err, DM_E_INVALID, "account must be an account's id");
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_money_gaps(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_gaps, err);
}

/* --- frames ------------------------------------------------------------------------------------------------- */

typedef struct lost {
    dm_rows_db db;
    int64_t worker;
    dm_evidence_lost after;
} lost;

static int asked_lost(void *arg, dm_err *err)
{
    lost *l = arg;
    int64_t n[3];
    int r = l->db.page.from ? numbers(dm_str_c(l->db.page.id), n, DM_LEN(n), err) : 1;
    if (r == 0)
        l->after = (dm_evidence_lost){.from_s = l->db.page.us, .worker = n[0], .boot = n[1], .first = n[2]};
    return r < 0 ? r : 0;
}

static int query_lost(dm_pg *c, void *arg, dm_err *err)
{
    lost *l = arg;
    return dm_evidence_lost_frames(
            c, l->worker, l->db.page.from ? &l->after : NULL, l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_lost(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const lost *l = list;
    dm_evidence_lost g;
    dm_evidence_lost_read(l->db.rows, i, &g);
    dm_jw_obj(w);
    dm_jw_ki64(w, "worker", g.worker);
    dm_jw_kmaybe(w, "name", g.name);
    dm_jw_ki64(w, "boot", g.boot);
    dm_jw_ki64(w, "first_frame", g.first);
    dm_jw_ki64(w, "last_frame", g.last);
    dm_jw_ktime(w, "from", g.from_s * 1000000);
    dm_jw_ktime(w, "to", g.to_s * 1000000);
    dm_jw_ktime(w, "written_off_at", g.written_off_us);
    dm_jw_end(w);
    at->us = g.from_s;
    return dm_rows_at(at, err, "%lld-%lld-%lld", (long long)g.worker, (long long)g.boot, (long long)g.first);
}

static int list_lost(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'f', .asked = asked_lost, .query = query_lost, .write = write_lost};
    dm_str worker = dm_req_query(req, "worker");
    lost l = {.worker = 0};
    if (worker.p != NULL && dm_parse_i64(worker, 1, INT64_MAX, &l.worker, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "worker must be a number");
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_money_lost(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_lost, err);
}

/* --- dead letters ------------------------------------------------------------------------------------------- */

typedef struct dead {
    dm_rows_db db;
    dm_str reason;
} dead;

static int query_dead(dm_pg *c, void *arg, dm_err *err)
{
    dead *l = arg;
    return dm_evidence_dead_letters(
            c, l->reason, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_dead(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const dead *l = list;
    dm_evidence_dead d;
    (void)err;
    dm_evidence_dead_read(l->db.rows, i, &d);
    dm_jw_obj(w);
    dm_jw_ki64(w, "number", d.no);
    dm_jw_ktime(w, "at", d.at_us);
    dm_jw_ktime(w, "sent_at", d.sent_us);
    dm_jw_kstr(w, "reason", d.reason);
    dm_jw_kstr(w, "detail", d.detail);
    dm_jw_ki64(w, "count", d.count);
    dm_jw_kmaybe(w, "topic", d.topic);
    dm_jw_key(w, "place");
    dm_jw_raw(w, d.place);
    dm_jw_ki64(w, "bytes", d.bytes);
    dm_jw_kstr(w, "value", d.value);
    dm_jw_end(w);
    at->us = d.no;
    return 0;
}

static int list_dead(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'd', .id = "letter", .query = query_dead, .write = write_dead};
    dead l = {.reason = dm_req_query(req, "reason")};
    if (l.reason.n > 64 || !dm_utf8_ok(l.reason))
        return dm_fail(err, DM_E_INVALID, "reason: none is called so");
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_money_dead(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_dead, err);
}
