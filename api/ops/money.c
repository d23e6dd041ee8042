/* GET /v1/ops/money/periods, /reconciliations and /anomalies: how the ledger is. Lists, newest first. */
#include "base/parse.h"
#include "base/wire/id.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "api/ops/routes.h"
#include "metering/read/review.h"

typedef struct listing {
    dm_rows_db db;
    bool differing;
    dm_str kind;
    int64_t after; /* of reconciliations: the number after which it goes on in the cursor's period */
} listing;

/* Of a list by periods: those that begin before this, in microseconds. */
static int64_t before(const listing *l)
{
    return l->db.page.from ? l->db.page.us : INT64_MAX / 2;
}

/* --- periods ------------------------------------------------------------------------------------------------ */

static int query_periods(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_review_periods(c, before(l), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static void write_counts(dm_jw *w, const char *name, const char *const names[3], const int64_t counts[3])
{
    dm_jw_key(w, name);
    dm_jw_obj(w);
    for (int i = 0; i < 3; i++)
        dm_jw_ki64(w, names[i], counts[i]);
    dm_jw_end(w);
}

static int write_period(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    (void)err;
    dm_review_period p;
    dm_review_period_read(l->db.rows, i, &p);
    dm_jw_obj(w);
    dm_write_time(w, "start", p.start_us);
    dm_jw_ki64(w, "seconds", p.period_s);
    dm_write_time(w, "written_at", p.written_us);
    dm_write_time(w, "closed_at", p.closed_us);
    write_counts(w, "accounts", (const char *const[]){"open", "closed", "empty"},
            (const int64_t[]){p.open, p.closed, p.empty});
    write_counts(w, "workers", (const char *const[]){"count", "complete", "attested"},
            (const int64_t[]){p.workers, p.complete, p.attested});
    dm_jw_key(w, "late");
    dm_jw_raw(w, p.late);
    dm_jw_ki64(w, "gap_s", p.gap_s);
    dm_jw_ki64(w, "anomalies", p.anomalies);
    dm_jw_key(w, "reconciliations");
    dm_jw_obj(w);
    dm_jw_ki64(w, "compared", p.compared);
    dm_jw_ki64(w, "differ", p.differ);
    dm_jw_end(w);
    dm_jw_end(w);
    at->us = p.start_us;
    return 0;
}

static int periods(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'p', .id = "period", .query = query_periods, .write = write_period};
    listing l = {.differing = false};
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_money_periods(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, periods, err);
}

/* --- reconciliations ---------------------------------------------------------------------------------------- */

static int query_checks(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_review_checks(c, l->differing, before(l), l->after, l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_check(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    (void)err;
    dm_review_check k;
    dm_review_check_read(l->db.rows, i, &k);
    dm_jw_obj(w);
    dm_write_time(w, "period", k.period_us);
    dm_jw_ki64(w, "number", k.no);
    dm_jw_kc(w, "name", dm_review_check_name(k.no));
    dm_jw_ki64(w, "compared", k.compared);
    dm_jw_ki64(w, "differ", k.differ);
    dm_jw_kstr(w, "detail", k.detail);
    dm_write_time(w, "at", k.at_us);
    dm_jw_end(w);
    at->us = k.period_us;
    return dm_rows_at(at, err, "%lld", (long long)k.no);
}

static int asked_checks(void *arg, dm_err *err)
{
    listing *l = arg;
    return l->db.page.from && dm_parse_i64(dm_str_c(l->db.page.id), 1, 11, &l->after, NULL) < 0
                   ? dm_fail(err, DM_E_INVALID, "cursor: not one of this list")
                   : 0;
}

static int checks(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'r', .asked = asked_checks, .query = query_checks, .write = write_check};
    dm_str verdict = dm_req_query(req, "verdict");
    listing l = {.differing = dm_str_eq_c(verdict, "differs")};
    if (verdict.n > 0 && !l.differing)
        return dm_fail(err, DM_E_INVALID, "verdict is no other than differs");
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_money_checks(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, checks, err);
}

/* --- anomalies ---------------------------------------------------------------------------------------------- */

static int query_anomalies(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_review_anomalies(
            c, l->kind, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static void write_number(dm_jw *w, const char *name, int64_t v)
{
    if (v == 0)
        dm_jw_kc(w, name, NULL);
    else
        dm_jw_ki64(w, name, v);
}

static int write_anomaly(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_review_anomaly a;
    dm_review_anomaly_read(l->db.rows, i, &a);
    dm_sandbox_name sandbox = {.s = ""};
    if (a.sandbox.p != NULL) {
        dm_sandbox_id id;
        int r = dm_pg_bytes(l->db.rows, i, 9, id.b, sizeof id.b, err);
        if (r < 0)
            return r;
        sandbox = dm_sandbox_name_of(&id);
    }
    dm_jw_obj(w);
    dm_jw_ki64(w, "number", a.no);
    dm_write_time(w, "at", a.at_us);
    dm_jw_kstr(w, "kind", a.kind);
    dm_write_time(w, "period", a.period_us);
    write_number(w, "worker", a.worker);
    dm_jw_kstr(w, "account", a.account);
    dm_jw_kstr(w, "project", a.project);
    dm_jw_kc(w, "sandbox", sandbox.s[0] != '\0' ? sandbox.s : NULL);
    write_number(w, "epoch", a.epoch);
    dm_jw_kstr(w, "detail", a.detail);
    dm_jw_end(w);
    at->us = a.no;
    return 0;
}

static int anomalies(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'y', .id = "anomaly", .query = query_anomalies, .write = write_anomaly};
    listing l = {.kind = dm_req_query(req, "kind")};
    if (l.kind.n > 64 || !dm_utf8_ok(l.kind))
        return dm_fail(err, DM_E_INVALID, "kind: none is called so");
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_money_anomalies(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, anomalies, err);
}
