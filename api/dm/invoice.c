/* /v1/accounts/{id}/invoices: what an account owes and has paid: its invoices and credit notes, newest first; one with
 * what became of it; its lines; and, of a number with ".json" behind it, the bytes that were signed, with the signature
 * in headers, so that they can be kept as they are; with ".pdf", ".ubl.xml" or ".cii.xml", those forms (document.c). */
#include "base/parse.h"

#include "api/dm/document.h"
#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "metering/read/invoices.h"

enum { NUMBER_MAX = 40 };

static int deny(dm_req *req)
{
    return dm_deny(req, DM_NO_INVOICE_UNKNOWN, "invoice.get", "invoice not found");
}

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_invoices_find find;
    dm_pg_rows *owed;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    dm_pg_rows_free(l->owed);
    l->owed = NULL;
    l->find.before = dm_rows_below(&l->db.page);
    l->find.limit = l->db.page.limit + 1;
    int r = dm_read_invoices(c, &l->find, &l->db.rows, &l->db.total, err);
    return r < 0 ? r : dm_read_owed(c, l->find.account_no, &l->owed, err);
}

static void write_owed(dm_jw *w, const void *list)
{
    const listing *l = list;
    dm_invoices_owed owed;
    dm_owed_read(l->owed, &owed);
    dm_jw_kstr(w, "currency", owed.currency);
    dm_jw_kstr(w, "owed", owed.owed);
    dm_jw_kstr(w, "overdue", owed.overdue);
    dm_jw_kmaybe(w, "due", owed.due_on);
}

static int write_invoice(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_invoices_row row;
    (void)err;
    dm_invoices_row_read(l->db.rows, i, &row);
    dm_jw_obj(w);
    dm_invoices_row_write(w, &row);
    dm_jw_end(w);
    at->us = row.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {
            .order = 'i', .id = "invoice", .query = query, .head = write_owed, .write = write_invoice};
    const dm_caller *caller = &dm_session_of(req)->caller;
    listing l = {.find = {.account_no = caller->owner.account, .status = dm_req_query(req, "status")}};
    int r = dm_invoices_status_ok(l.find.status, err);
    if (r == 0)
        r = dm_rows_own(req, ctx, caller, &kind, &l, err);
    dm_pg_rows_free(l.owed);
    return r;
}

int dm_route_invoice_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one ---------------------------------------------------------------------------------------------------- */

typedef struct one {
    dm_account_no account_no;
    dm_str number;
    dm_pg_rows *rows, *events;
    dm_buf body;
    dm_read_signature signature;
} one;

static int query_one(dm_pg *c, void *arg, dm_err *err)
{
    one *o = arg;
    dm_pg_rows_free(o->rows);
    dm_pg_rows_free(o->events);
    o->rows = o->events = NULL;
    return dm_read_invoice(c, o->account_no, o->number, &o->rows, &o->events, err);
}

static int query_body(dm_pg *c, void *arg, dm_err *err)
{
    one *o = arg;
    dm_buf_reset(&o->body);
    return dm_read_invoice_body(c, o->account_no, o->number, &o->body, &o->signature, err);
}

static void write_one(dm_req *req, const one *o)
{
    dm_invoices_row row;
    dm_invoices_row_read(o->rows, 0, &row);
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_invoices_row_write(&w, &row);
    dm_jw_key(&w, "events");
    dm_jw_arr(&w);
    for (size_t i = 0; i < dm_pg_count(o->events); i++) {
        dm_invoices_event e;
        dm_invoices_event_read(o->events, i, &e);
        dm_jw_obj(&w);
        dm_write_time(&w, "at", e.at_us);
        dm_jw_kstr(&w, "status", e.status);
        dm_jw_kstr(&w, "why", e.why);
        dm_jw_kstr(&w, "who", e.who);
        dm_jw_end(&w);
    }
    dm_jw_arr_end(&w);
    dm_jw_end(&w);
}

static void hint_hex(dm_reply *reply, const char *name, const void *p, size_t n)
{
    char hex[2 * DM_ED25519_SIG + 1];
    dm_hex(p, n, hex);
    dm_hint(reply, name, dm_str_c(hex));
}

static void write_body(dm_req *req, const one *o)
{
    dm_reply_text(&req->reply, 200, "application/json", dm_buf_view(&o->body));
    hint_hex(&req->reply, "Dormouse-SHA256", o->signature.sha256.b, sizeof o->signature.sha256.b);
    hint_hex(&req->reply, "Dormouse-Signature", o->signature.signature.b, sizeof o->signature.signature.b);
    hint_hex(&req->reply, "Dormouse-Public-Key", o->signature.key.b, sizeof o->signature.key.b);
}

/* Takes ".json" off. */
static bool wants_bytes(dm_str *number)
{
    static const dm_str end = DM_STR_INIT(".json");
    bool wants = number->n > end.n && memcmp(number->p + number->n - end.n, end.p, end.n) == 0;
    number->n -= wants ? end.n : 0;
    return wants;
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    one o = {.account_no = caller->owner.account, .number = req->params[1]};
    bool bytes = wants_bytes(&o.number);
    if (o.number.n == 0 || o.number.n > NUMBER_MAX)
        return deny(req);
    dm_buf_init(&o.body, DM_INVOICE_BODY_MAX);
    int r = dm_api_tx(ctx, caller, bytes ? query_body : query_one, &o, err);
    if (r == DM_READ_NONE)
        r = deny(req);
    else if (r == 0 && bytes)
        write_body(req, &o);
    else if (r == 0)
        write_one(req, &o);
    dm_pg_rows_free(o.rows);
    dm_pg_rows_free(o.events);
    dm_buf_done(&o.body);
    return r;
}

static int get_document(dm_req *req, void *ctx, dm_err *err)
{
    dm_document d = {.number = req->params[1]};
    d.format = dm_document_format(&d.number);
    return d.number.n > NUMBER_MAX ? deny(req) : dm_document_answer(req, ctx, &d, err);
}

int dm_route_invoice_get(dm_req *req, void *ctx, dm_err *err)
{
    dm_str number = req->params[1];
    dm_api *api = ctx;
    if (dm_document_format(&number) != NULL) {
        const dm_later_at at = {.line = DM_LATER_FILES, .project = {dm_session_of(req)->caller.owner.account.v}};
        return dm_later_hop(api->later, at, req, get_document, api, err);
    }
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

/* --- its lines ---------------------------------------------------------------------------------------------- */

typedef struct lined {
    dm_rows_db db;
    dm_account_no account_no;
    dm_str number;
} lined;

static int query_lines(dm_pg *c, void *arg, dm_err *err)
{
    lined *l = arg;
    return dm_read_invoice_lines(c, l->account_no, l->number, l->db.page.from ? l->db.page.us : 0, l->db.page.limit + 1,
            &l->db.rows, &l->db.total, err);
}

static void write_number(dm_jw *w, const char *name, int64_t v)
{
    if (v != 0)
        dm_jw_ki64(w, name, v);
    else
        dm_jw_kc(w, name, NULL);
}

static int write_line(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const lined *of = list;
    dm_invoices_line l;
    (void)err;
    dm_invoices_line_read(of->db.rows, i, &l);
    dm_jw_obj(w);
    dm_jw_ki64(w, "line", l.line);
    dm_jw_kstr(w, "kind", l.kind);
    dm_jw_kmaybe(w, "project", l.project);
    dm_jw_kmaybe(w, "projectName", l.project_name);
    dm_jw_kstr(w, "sku", l.sku);
    dm_jw_ki64(w, "tier", l.tier);
    write_number(w, "book", l.book);
    dm_jw_ki64(w, "seconds", l.seconds);
    dm_jw_kmaybe(w, "quantity", l.qty);
    dm_jw_kmaybe(w, "perUnit", l.per_unit);
    dm_jw_kstr(w, "amount", l.amount);
    dm_jw_kstr(w, "net", l.net);
    write_number(w, "ofLine", l.of_line);
    dm_jw_end(w);
    at->us = l.line;
    return 0;
}

static int lines(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'I', .id = "line", .query = query_lines, .write = write_line};
    const dm_caller *caller = &dm_session_of(req)->caller;
    lined l = {.account_no = caller->owner.account, .number = req->params[1]};
    int r = req->params[1].n > NUMBER_MAX ? DM_READ_NONE : dm_rows_own(req, ctx, caller, &kind, &l, err);
    return r == DM_READ_NONE ? deny(req) : r;
}

int dm_route_invoice_lines(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, lines, err);
}
