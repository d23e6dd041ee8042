/* POST /v1/ops/price-books/{id}/simulate and /v1/ops/money/simulations: a price book tried over a month that is closed.
 * What is ordered here the meter carries out (metering/ask/simulation.h). */
#include "metering/ask/simulation.h"

#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/plan/audit.h"

/* --- shown -------------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    int64_t book;
    dm_str no; /* of which the accounts are asked for */
} listing;

static int query_list(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_simulation_list(
            c, l->book, 0, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_one(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_simulation_row s;
    (void)err;
    dm_simulation_row_read(l->db.rows, i, &s);
    dm_simulation_row_write(w, &s);
    at->us = s.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 's', .id = "simulation", .query = query_list, .write = write_one};
    listing l = {.book = 0};
    dm_str book = dm_req_query(req, "price_book");
    int r = book.n > 0 ? dm_parse_i64(book, 1, INT64_MAX, &l.book, err) : 0;
    return r < 0 ? dm_wrap(err, "price_book") : dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_simulation_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- its accounts ------------------------------------------------------------------------------------------- */

static int query_accounts(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    const dm_page *page = &l->db.page;
    DM_AUTO(dm_pg_rows) one = NULL;
    dm_pg_total n;
    int64_t no;
    if (dm_parse_i64(l->no, 1, INT64_MAX, &no, NULL) < 0)
        return DM_SIMULATION_NONE;
    int r = dm_simulation_list(c, 0, no, INT64_MAX, 1, &one, &n, err);
    if (r < 0 || dm_pg_count(one) == 0)
        return r < 0 ? r : DM_SIMULATION_NONE;
    return dm_simulation_accounts(c, no, page->from ? page->id : NULL, page->from ? page->us : 0, page->limit + 1,
            &l->db.rows, &l->db.total, err);
}

static int write_account(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_simulated_row a;
    dm_simulated_row_read(l->db.rows, i, &a);
    dm_simulated_row_write(w, &a);
    at->us = a.no;
    return dm_rows_at(at, err, "%.*s", (int)a.size.n, a.size.p);
}

static bool is_number(const char *z)
{
    size_t n = 0;
    while (z[n] >= '0' && z[n] <= '9')
        n++;
    return n > 0 && z[n] == '\0';
}

static int asked(void *list, dm_err *err)
{
    const listing *l = list;
    const dm_page *page = &l->db.page;
    return page->from && !is_number(page->id) ? dm_fail(err, DM_E_INVALID, "cursor: not one of this list") : 0;
}

static int accounts(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'd', .asked = asked, .query = query_accounts, .write = write_account};
    listing l = {.no = req->params[0]};
    int r = dm_rows_ops(req, ctx, &kind, &l, err);
    return r == DM_SIMULATION_NONE ? dm_deny(req, DM_NO_SIMULATION_UNKNOWN, "simulation.get", "no such simulation") : r;
}

int dm_route_ops_simulation_accounts(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, accounts, err);
}

/* --- one, and what is done with it -------------------------------------------------------------------------- */

typedef struct work {
    int64_t no, book;
    const char *what, *who, *reason, *month;
    int (*act)(dm_pg *c, struct work *w, dm_err *err); /* NULL: it is only looked at */
    bool again;
    dm_pg_rows *rows;
} work;

static int audit(dm_pg *c, const work *w, dm_err *err)
{
    char object[48];
    (void)snprintf(object, sizeof object, "simulation:%lld", (long long)w->no);
    const dm_audit line = {.who = w->who, .verb = w->what, .object = object, .reason = w->reason};
    return dm_audit_add(c, &line, err);
}

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_total n;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    int r = w->act != NULL ? w->act(c, w, err) : 0;
    w->again = r == DM_SIMULATION_AGAIN;
    if (r == 0 && w->act != NULL)
        r = audit(c, w, err);
    if (r != 0 && !w->again)
        return r;
    r = dm_simulation_list(c, 0, w->no, INT64_MAX, 1, &w->rows, &n, err);
    return r == 0 && dm_pg_count(w->rows) == 0 ? DM_SIMULATION_NONE : r;
}

static int refuse(dm_req *req, int r, const char *what)
{
    switch (r) {
    case DM_SIMULATION_NO_BOOK:
        return dm_deny(req, DM_NO_PRICE_BOOK_UNKNOWN, what, "no such price book");
    case DM_SIMULATION_STATE:
        return dm_deny(req, DM_NO_BOOK_STAYS, what, "this price book is withdrawn");
    case DM_SIMULATION_MONTH:
        return dm_deny(req, DM_NO_SIMULATION_MONTH, what,
                "the price book concerns no account that has statements of that month, or the month is not closed");
    case DM_SIMULATION_MANY:
        return dm_deny(req, DM_NO_SIMULATION_MANY, what, "%d simulations are under way", DM_SIMULATIONS_OPEN_MAX);
    case DM_SIMULATION_NONE:
        return dm_deny(req, DM_NO_SIMULATION_UNKNOWN, what, "no such simulation");
    case DM_SIMULATION_OVER:
        return dm_deny(req, DM_NO_SIMULATION_OVER, what, "it is over");
    default:
        return r;
    }
}

static int answer(dm_req *req, dm_api *api, int status, work *w, dm_err *err)
{
    w->who = dm_ops_who(req);
    int r = dm_api_tx_ops(api, run, w, err);
    if (r == 0) {
        dm_simulation_row s;
        dm_simulation_row_read(w->rows, 0, &s);
        dm_jw j = dm_reply_json(&req->reply, w->again ? 200 : status);
        dm_simulation_row_write(&j, &s);
    } else if (r > 0) {
        r = refuse(req, r, w->what);
    }
    dm_pg_rows_free(w->rows);
    return r;
}

/* 0, or the outcome of what is not there. */
static int number_of(const dm_req *req, int64_t *out, int none)
{
    return dm_parse_i64(req->params[0], 1, INT64_MAX, out, NULL) < 0 ? none : 0;
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.what = "simulation.get"};
    int r = number_of(req, &w.no, DM_SIMULATION_NONE);
    return r != 0 ? refuse(req, r, w.what) : answer(req, ctx, 200, &w, err);
}

int dm_route_ops_simulation_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

typedef struct body {
    char *month, *reason;
} body;

static const dm_json_field fields[] = {
        {"month", DM_JSON_STR, offsetof(body, month), DM_JSON_OPT, 0, 7},
        {"reason", DM_JSON_STR, offsetof(body, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
};

/* "2026-03" to its first day; out "" where none is said. */
static int read_month(const char *month, char out[16], dm_err *err)
{
    int64_t us;
    char text[32];
    out[0] = '\0';
    if (month == NULL || month[0] == '\0')
        return 0;
    (void)snprintf(text, sizeof text, "%.7s-01T00:00:00Z", month);
    if (dm_parse_rfc3339(dm_str_c(text), &us, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "\"month\" must be a month, as 2026-03");
    (void)snprintf(out, 16, "%.7s-01", month);
    return 0;
}

static int act_order(dm_pg *c, work *w, dm_err *err)
{
    return dm_simulation_order(c, w->book, w->month, w->who, w->reason, &w->no, err);
}

static int order(dm_req *req, void *ctx, dm_err *err)
{
    body b = {NULL, NULL};
    char month[16];
    work w = {.what = "simulation.order", .act = act_order};
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r == 0)
        r = read_month(b.month, month, err);
    if (r == 0)
        r = dm_ops_reason(req, w.what, b.reason);
    if (r == 0) {
        w.reason = b.reason;
        w.month = month[0] != '\0' ? month : NULL;
        r = number_of(req, &w.book, DM_SIMULATION_NO_BOOK);
        r = r != 0 ? refuse(req, r, w.what) : answer(req, ctx, 202, &w, err);
    }
    dm_json_done(fields, DM_LEN(fields), &b);
    return r < 0 ? r : 0;
}

int dm_route_ops_book_simulate(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, order, err);
}

static int act_cancel(dm_pg *c, work *w, dm_err *err)
{
    return dm_simulation_cancel(c, w->no, w->who, err);
}

int dm_route_ops_simulation_cancel(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    work w = {.what = "simulation.cancel", .act = act_cancel};
    int r = dm_ops_why_read(req, w.what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    w.reason = why.reason;
    r = number_of(req, &w.no, DM_SIMULATION_NONE);
    return r != 0 ? refuse(req, r, w.what) : answer(req, ctx, 200, &w, err);
}
