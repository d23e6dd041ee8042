/* What operators see of invoices and want done to them: /v1/ops/invoices, an act on one, and orders. An act is a row
 * that the meter carries out within a second or two: the answer, 202, says which, and the order says what came of it.
 * One of more than a limit waits for a second person. */
#include <stddef.h>
#include <stdio.h>

#include "base/crypto.h"
#include "base/parse.h"
#include "base/wire/id.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "metering/ask/orders.h"
#include "metering/read/invoices.h"
#include "metering/rules/money.h"
#include "tenants/plan/audit.h"

enum { NUMBER_MAX = 40, LINES_MAX = 1000, KEY_MAX = 200, DETAIL_MAX = 256 << 10 };

/* --- invoices of all ---------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_invoices_find find;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    l->find.before = dm_rows_below(&l->db.page);
    l->find.limit = l->db.page.limit + 1;
    return dm_read_invoices(c, &l->find, &l->db.rows, &l->db.total, err);
}

static int write_invoice(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_invoices_row row;
    (void)err;
    dm_invoices_row_read(l->db.rows, i, &row);
    dm_jw_obj(w);
    dm_jw_kstr(w, "account", row.account);
    dm_invoices_row_write(w, &row);
    dm_jw_end(w);
    at->us = row.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'v', .id = "invoice", .query = query, .write = write_invoice};
    listing l = {.find = {.status = dm_req_query(req, "status")}};
    int r = dm_invoices_status_ok(l.find.status, err);
    return r < 0 ? r : dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_invoice_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- an order ----------------------------------------------------------------------------------------------- */

typedef struct body {
    char *reason, *month, *amount, *received_on, *reference;
    json_t *lines;
    bool draft, has_lines;
} body;

static const dm_json_field fields[] = {
        {"reason", DM_JSON_STR, offsetof(body, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
        {"month", DM_JSON_STR, offsetof(body, month), DM_JSON_OPT, 7, 7},
        {"draft", DM_JSON_BOOL, offsetof(body, draft), DM_JSON_OPT, 0, 0},
        {"amount", DM_JSON_STR, offsetof(body, amount), DM_JSON_OPT, 1, 40},
        {"received_on", DM_JSON_STR, offsetof(body, received_on), DM_JSON_OPT, 10, 10},
        {"reference", DM_JSON_STR, offsetof(body, reference), DM_JSON_OPT, 0, 200},
        {"lines", DM_JSON_ARR, offsetof(body, lines), offsetof(body, has_lines), 1, LINES_MAX},
};

typedef struct work {
    const char *what;
    char account[DM_UUID_TEXT], number[NUMBER_MAX + 1], month[16], key[KEY_MAX + 80];
    dm_buf detail;
    dm_ask_order order;
    dm_asked asked;
} work;

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    char object[80];
    int r = dm_ask_invoice(c, &w->order, &w->asked, err);
    if (r != 0 || w->asked.again)
        return r;
    (void)snprintf(object, sizeof object, "%s%s",
            w->number[0] != '\0' ? "invoice:" : "month:", w->number[0] != '\0' ? w->number : w->month);
    const dm_audit a = {.owner = {.account = w->asked.account_no},
            .who = w->order.who,
            .verb = w->what,
            .object = object,
            .detail = w->order.detail,
            .reason = w->order.why};
    return dm_audit_add(c, &a, err);
}

/* Without a key each request is another. */
static int read_key(const dm_req *req, work *w, dm_err *err)
{
    dm_str key = dm_req_header(req, "Idempotency-Key");
    uint8_t random[16];
    int r = 0;
    if (key.p == NULL) {
        r = dm_random(random, sizeof random, err);
        dm_uuid made = r == 0 ? dm_uuid_of_random(random) : (dm_uuid){{0}};
        (void)snprintf(w->key, sizeof w->key, "%s", made.s);
    } else if (key.n == 0 || key.n > KEY_MAX || !dm_str_only(key, "abcdefghijklmnopqrstuvwxyz0123456789-")) {
        r = dm_fail(err, DM_E_INVALID, "Idempotency-Key must be 1 to %d of a-z, 0-9 and -", KEY_MAX);
    } else {
        (void)snprintf(w->key, sizeof w->key, "%.60s:%.*s", dm_ops_who(req), (int)key.n, key.p);
    }
    return r;
}

static int answer(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    int r = dm_api_tx_ops(api, run, w, err);
    if (r == DM_ASK_NONE)
        return w->number[0] != '\0' ? dm_deny(req, DM_NO_INVOICE_UNKNOWN, w->what, "invoice not found")
                                    : dm_deny(req, DM_NO_OPS_NO_ACCOUNT, w->what, "no such account");
    if (r == DM_ASK_OTHER)
        return dm_deny(req, DM_NO_IDEM_MISMATCH, w->what, "this Idempotency-Key came with another request before");
    if (r != 0)
        return r;
    dm_jw j = dm_ops_ordered(req, "order", w->asked.order_no, w->asked.state);
    dm_jw_end(&j);
    return 0;
}

/* "2026-03" to its first day. */
static int read_month(const body *b, work *w, dm_err *err)
{
    int64_t us;
    char text[32];
    (void)snprintf(w->month, sizeof w->month, "%.7s-01", b->month != NULL ? b->month : "");
    (void)snprintf(text, sizeof text, "%.10sT00:00:00Z", w->month);
    if (b->month == NULL || dm_parse_rfc3339(dm_str_c(text), &us, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "month must be as 2026-03");
    w->order.month = w->month;
    return 0;
}

static int read_payment(const body *b, work *w, dm_jw *detail, dm_err *err)
{
    dm_money amount;
    int64_t us;
    char text[32];
    (void)snprintf(text, sizeof text, "%.10sT00:00:00Z", b->received_on != NULL ? b->received_on : "");
    if (b->amount == NULL || dm_money_parse(dm_str_c(b->amount), &amount, NULL) < 0 || amount.v <= 0)
        return dm_fail(err, DM_E_INVALID, "amount must be a string of digits, more than nothing");
    if (dm_parse_rfc3339(dm_str_c(text), &us, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "received_on must be a day, as 2026-03-31");
    w->order.amount = b->amount;
    dm_jw_kc(detail, "received_on", b->received_on);
    dm_jw_kc(detail, "reference", b->reference != NULL ? b->reference : "");
    return 0;
}

static int read_lines(const body *b, dm_jw *detail, dm_err *err)
{
    dm_money net;
    int64_t line;
    if (b->has_lines && json_array_size(b->lines) == 0) /* all is what is credited where none are named */
        return dm_fail(err, DM_E_INVALID, "lines must have one at least");
    for (size_t i = 0; i < json_array_size(b->lines); i++) {
        const json_t *one = json_array_get(b->lines, i);
        if (dm_json_i64(one, "line", 1, INT32_MAX, &line, NULL) != 0 ||
                dm_money_parse(dm_str_c(dm_json_c(one, "net")), &net, NULL) < 0 || net.v <= 0)
            return dm_fail(err, DM_E_INVALID, "lines: each has a line and a net of more than nothing");
    }
    if (b->has_lines) {
        dm_jw_key(detail, "lines");
        dm_jw_node(detail, b->lines);
    }
    return 0;
}

/* Where the path does not say what it is about, it is about nothing. */
static int read_path(const dm_req *req, work *w, bool numbered)
{
    if (!dm_uuid_ok(req->params[0]) || dm_str_to_array(req->params[0], w->account, sizeof w->account, NULL) < 0)
        return DM_ASK_NONE;
    if (numbered && (req->params[1].n == 0 || dm_str_to_array(req->params[1], w->number, sizeof w->number, NULL) < 0))
        return DM_ASK_NONE;
    return 0;
}

static int read_detail(const body *b, work *w, const char *kind, dm_err *err)
{
    dm_jw detail;
    dm_jw_init(&detail, &w->detail);
    dm_jw_obj(&detail);
    int r = strcmp(kind, "pay") == 0      ? read_payment(b, w, &detail, err)
            : strcmp(kind, "credit") == 0 ? read_lines(b, &detail, err)
                                          : 0;
    dm_jw_end(&detail);
    if (r == 0)
        r = dm_buf_ok(&w->detail, err);
    w->order.detail = dm_buf_view(&w->detail);
    return r;
}

/* kind NULL: an invoice, or a draft of one, of a month. */
static int order(dm_req *req, dm_api *api, const char *what, const char *kind, dm_err *err)
{
    body b = {NULL, NULL, NULL, NULL, NULL, NULL, false, false};
    work w = {.what = what};
    dm_buf_init(&w.detail, DETAIL_MAX);
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r == 0)
        r = dm_ops_reason(req, what, b.reason);
    if (r == 0)
        r = read_key(req, &w, err);
    if (r == 0 && kind == NULL)
        r = read_month(&b, &w, err);
    w.order.kind = kind != NULL ? kind : b.draft ? "draft" : "issue";
    if (r == 0)
        r = read_detail(&b, &w, w.order.kind, err);
    w.order.account = w.account;
    w.order.who = dm_ops_who(req);
    w.order.why = b.reason;
    w.order.idem_key = w.key;
    if (r == 0 && read_path(req, &w, kind != NULL) == DM_ASK_NONE)
        r = kind != NULL ? dm_deny(req, DM_NO_INVOICE_UNKNOWN, what, "invoice not found")
                         : dm_deny(req, DM_NO_OPS_NO_ACCOUNT, what, "no such account");
    else if (r == 0) {
        w.order.number = (dm_str){kind != NULL ? w.number : NULL, strlen(w.number)};
        r = answer(req, api, &w, err);
    }
    dm_json_done(fields, DM_LEN(fields), &b);
    dm_buf_done(&w.detail);
    return r < 0 ? r : 0;
}

int dm_route_ops_invoice_order(dm_req *req, void *ctx, dm_err *err)
{
    return order(req, ctx, "invoice.issue", NULL, err);
}

int dm_route_ops_invoice_void(dm_req *req, void *ctx, dm_err *err)
{
    return order(req, ctx, "invoice.void", "void", err);
}

int dm_route_ops_invoice_credit(dm_req *req, void *ctx, dm_err *err)
{
    return order(req, ctx, "invoice.credit", "credit", err);
}

int dm_route_ops_invoice_pay(dm_req *req, void *ctx, dm_err *err)
{
    return order(req, ctx, "invoice.pay", "pay", err);
}

int dm_route_ops_invoice_dispute(dm_req *req, void *ctx, dm_err *err)
{
    return order(req, ctx, "invoice.dispute", "dispute", err);
}

int dm_route_ops_invoice_settle(dm_req *req, void *ctx, dm_err *err)
{
    return order(req, ctx, "invoice.settle_dispute", "settle_dispute", err);
}

int dm_route_ops_invoice_give_up(dm_req *req, void *ctx, dm_err *err)
{
    return order(req, ctx, "invoice.uncollectible", "uncollectible", err);
}

/* --- orders ------------------------------------------------------------------------------------------------- */

typedef struct ordered {
    dm_rows_db db;
    dm_str state;
    int64_t order_no;
    const char *who, *why; /* of an approval */
    dm_asked asked;
} ordered;

static int query_orders(dm_pg *c, void *arg, dm_err *err)
{
    ordered *o = arg;
    return dm_ask_orders(
            c, o->state, o->order_no, dm_rows_below(&o->db.page), o->db.page.limit + 1, &o->db.rows, &o->db.total, err);
}

static int write_order(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const ordered *o = list;
    dm_orders_row row;
    (void)err;
    dm_orders_row_read(o->db.rows, i, &row);
    dm_orders_row_write(w, &row);
    at->us = row.no;
    return 0;
}

static int orders(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'x', .id = "order", .query = query_orders, .write = write_order};
    ordered o = {.state = dm_req_query(req, "state")};
    return dm_rows_ops(req, ctx, &kind, &o, err);
}

int dm_route_ops_invoice_orders(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, orders, err);
}

static int approve_tx(dm_pg *c, void *arg, dm_err *err)
{
    ordered *o = arg;
    char object[40];
    int r = dm_ask_approve(c, o->order_no, o->who, &o->asked, err);
    if (r != 0)
        return r;
    (void)snprintf(object, sizeof object, "order:%lld", (long long)o->order_no);
    const dm_audit a = {.owner = {.account = o->asked.account_no},
            .who = o->who,
            .verb = "invoice.approve",
            .object = object,
            .reason = o->why};
    return dm_audit_add(c, &a, err);
}

int dm_route_ops_invoice_approve(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "invoice.approve";
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    ordered o = {.who = dm_ops_who(req), .why = why.reason};
    r = dm_parse_i64(req->params[0], 1, INT64_MAX, &o.order_no, NULL) < 0 ? DM_ASK_NONE
                                                                          : dm_api_tx_ops(ctx, approve_tx, &o, err);
    switch (r) {
    case 0: {
        dm_jw j = dm_ops_ordered(req, "order", o.order_no, o.asked.state);
        dm_jw_end(&j);
        return 0;
    }
    case DM_ASK_NONE:
        return dm_deny(req, DM_NO_ORDER_UNKNOWN, what, "no such order");
    case DM_ASK_NOT:
        return dm_deny(req, DM_NO_ORDER_PAST, what, "the order waits for nobody");
    case DM_ASK_SELF:
        return dm_deny(req, DM_NO_ORDER_SELF, what, "who ordered it cannot approve it");
    default:
        return r;
    }
}
