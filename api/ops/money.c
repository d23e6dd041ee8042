/* GET /v1/ops/money/periods, /reconciliations and /anomalies: how the ledger is. Lists, newest first. */
#include "base/parse.h"
#include "base/wire/id.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "api/ops/routes.h"
#include "metering/read/review.h"

typedef struct listing {
    dm_page page;
    bool differing;
    dm_str kind;
    int64_t after; /* of reconciliations: the number after which it goes on in the cursor's period */
    dm_pg_rows *rows;
    dm_pg_total total;
} listing;

typedef struct kind_of_list {
    char order;
    dm_pg_fn query;
    /* Writes one; where it stands, for a cursor. */
    int (*write)(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_rows_last *at, dm_err *err);
} kind_of_list;

static int answer(dm_req *req, dm_api *api, const kind_of_list *kind, listing *l, dm_err *err)
{
    int r = dm_api_tx_ops(api, kind->query, l, err);
    if (r < 0)
        return r;
    size_t n = dm_pg_count(l->rows);
    dm_rows_last last = {.more = n > (size_t)l->page.limit, .order = kind->order, .total = l->total};
    n = last.more ? (size_t)l->page.limit : n;
    dm_jw w = dm_rows_begin(req);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = kind->write(&w, l->rows, i, &last, err);
    return r < 0 ? r : dm_rows_end(&w, &last, err);
}

static int list(dm_req *req, void *ctx, const kind_of_list *kind, listing *l, dm_err *err)
{
    int r = dm_rows_read(req, kind->order, &l->page, err);
    if (r == 0)
        r = answer(req, ctx, kind, l, err);
    dm_pg_rows_free(l->rows);
    return r;
}

static void forget(listing *l)
{
    dm_pg_rows_free(l->rows); /* of a try before */
    l->rows = NULL;
}

/* --- periods ------------------------------------------------------------------------------------------------ */

static int query_periods(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    forget(l);
    return dm_review_periods(c, l->page.from ? l->page.us : INT64_MAX / 2, l->page.limit + 1, &l->rows, &l->total, err);
}

static void write_counts(dm_jw *w, const char *name, const char *const names[3], const int64_t counts[3])
{
    dm_jw_key(w, name);
    dm_jw_obj(w);
    for (int i = 0; i < 3; i++)
        dm_jw_ki64(w, names[i], counts[i]);
    dm_jw_end(w);
}

static int write_period(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_rows_last *at, dm_err *err)
{
    (void)err;
    dm_review_period p;
    dm_review_period_read(rows, i, &p);
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
    at->id = (dm_str)DM_STR_INIT("period");
    return 0;
}

static int periods(dm_req *req, void *ctx, dm_err *err)
{
    static const kind_of_list kind = {'p', query_periods, write_period};
    listing l = {.rows = NULL};
    return list(req, ctx, &kind, &l, err);
}

int dm_route_ops_money_periods(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, periods, err);
}

/* --- reconciliations ---------------------------------------------------------------------------------------- */

static int query_checks(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    forget(l);
    return dm_review_checks(c, l->differing, l->page.from ? l->page.us : INT64_MAX / 2, l->after, l->page.limit + 1,
            &l->rows, &l->total, err);
}

static int write_check(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_rows_last *at, dm_err *err)
{
    static const char numbers[][3] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"};
    (void)err;
    dm_review_check k;
    dm_review_check_read(rows, i, &k);
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
    at->id = dm_str_c(numbers[k.no > 0 && (size_t)k.no < DM_LEN(numbers) ? k.no : 0]);
    return 0;
}

static int checks(dm_req *req, void *ctx, dm_err *err)
{
    static const kind_of_list kind = {'r', query_checks, write_check};
    listing l = {.rows = NULL};
    uint64_t after = 0;
    dm_str verdict = dm_req_query(req, "verdict");
    l.differing = dm_str_eq_c(verdict, "differs");
    if (verdict.n > 0 && !l.differing)
        return dm_fail(err, DM_E_INVALID, "verdict is no other than differs");
    int r = dm_rows_read(req, kind.order, &l.page, err);
    if (r == 0 && l.page.from && dm_parse_u64(dm_str_c(l.page.id), 1, 11, &after, NULL) < 0)
        r = dm_fail(err, DM_E_INVALID, "cursor: not one of this list");
    l.after = l.page.from ? (int64_t)after : 0;
    if (r == 0)
        r = answer(req, ctx, &kind, &l, err);
    dm_pg_rows_free(l.rows);
    return r;
}

int dm_route_ops_money_checks(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, checks, err);
}

/* --- anomalies ---------------------------------------------------------------------------------------------- */

static int query_anomalies(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    forget(l);
    return dm_review_anomalies(
            c, l->kind, l->page.from ? l->page.us : INT64_MAX, l->page.limit + 1, &l->rows, &l->total, err);
}

static void write_number(dm_jw *w, const char *name, int64_t v)
{
    if (v == 0)
        dm_jw_kc(w, name, NULL);
    else
        dm_jw_ki64(w, name, v);
}

static int write_anomaly(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_rows_last *at, dm_err *err)
{
    dm_review_anomaly a;
    dm_review_anomaly_read(rows, i, &a);
    dm_sandbox_name sandbox = {.s = ""};
    if (a.sandbox.p != NULL) {
        dm_sandbox_id id;
        int r = dm_pg_bytes(rows, i, 9, id.b, sizeof id.b, err);
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
    at->id = (dm_str)DM_STR_INIT("anomaly");
    return 0;
}

static int anomalies(dm_req *req, void *ctx, dm_err *err)
{
    static const kind_of_list kind = {'y', query_anomalies, write_anomaly};
    listing l = {.kind = dm_req_query(req, "kind")};
    if (l.kind.n > 64 || !dm_utf8_ok(l.kind))
        return dm_fail(err, DM_E_INVALID, "kind: none is called so");
    return list(req, ctx, &kind, &l, err);
}

int dm_route_ops_money_anomalies(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, anomalies, err);
}
