/* GET /v1/statements, /v1/statements/{number} and what belongs to one, its pages and lines, for who has a key, and the
 * same below /v1/accounts/{id}: the account's signed statements, newest first. A statement's body is its head, however
 * much it is about: the rest comes page by page; with ".pdf" behind its number it is on paper (document.c). Those of
 * before there were pages have all in their body, as they were signed. */
#include "api/dm/statement.h"

#include <stdio.h>

#include "base/parse.h"

#include "api/dm/document.h"
#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "metering/read/read.h"

_Static_assert((int)DM_ROWS_MAX + 1 == (int)DM_READ_PAGE_MAX, "a page, and one more");

enum { BODY_MAX = 24 << 20 }; /* it travels as a JSON string: quotes are escaped */

dm_str dm_statement_param(const dm_req *req, size_t i)
{
    bool of_account = dm_str_starts(dm_str_c(req->route->path), DM_STR("/v1/accounts/{"));
    return req->params[i + (of_account ? 1 : 0)];
}

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct work {
    const dm_caller *caller;
    dm_page page;
    dm_read_statement rows[DM_READ_PAGE_MAX];
    size_t n;
    dm_pg_total total;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_statement_no before = {w->page.from ? w->page.us : INT64_MAX};
    return dm_read_statements(
            c, w->caller->owner.account, before, (size_t)w->page.limit + 1, w->rows, &w->n, &w->total, err);
}

static void write_hex(dm_jw *w, const char *name, const void *bytes, size_t n)
{
    char hex[2 * DM_ED25519_SIG + 1];
    dm_hex(bytes, n, hex);
    dm_jw_kc(w, name, hex);
}

static int write_row(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *l = list;
    const dm_read_statement *s = &l->rows[i];
    (void)err;
    dm_jw_obj(w);
    dm_jw_ki64(w, "number", s->number.v);
    dm_write_time(w, "periodStart", s->period_start * 1000000);
    dm_write_time(w, "periodEnd", (s->period_start + s->period_s) * 1000000);
    dm_jw_kc(w, "currency", s->currency);
    dm_jw_kc(w, "total", s->total);
    dm_jw_ku64(w, "runningSeconds", s->running_s);
    dm_jw_ku64(w, "hibernatedSeconds", s->hibernated_s);
    dm_jw_ku64(w, "unattested", s->unattested);
    write_hex(w, "sha256", s->sha256.b, sizeof s->sha256.b);
    dm_write_time(w, "closedAt", s->closed_at_us);
    dm_jw_end(w);
    at->us = s->number.v;
    return 0;
}

static int list(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 's', .id = "number", .write = write_row};
    int r = dm_rows_read(req, kind.order, &w->page, err);
    if (r == 0)
        r = dm_api_tx(api, w->caller, query, w, err);
    return r < 0 ? r : dm_rows_write(req, &kind, w, w->n, w->page.limit, w->total, err);
}

static int list_all(dm_req *req, void *ctx, dm_err *err)
{
    work *w = calloc(1, sizeof *w); /* a page of rows: too much for this stack */
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "statements");
    w->caller = &dm_session_of(req)->caller;
    int r = list(req, ctx, w, err);
    free(w);
    return r;
}

/* --- one ---------------------------------------------------------------------------------------------------- */

typedef struct one {
    const dm_caller *caller;
    dm_statement_no number;
    dm_buf body;
    dm_read_signature signature;
} one;

static int query_one(dm_pg *c, void *arg, dm_err *err)
{
    one *o = arg;
    dm_buf_reset(&o->body);
    return dm_read_statement_body(c, o->caller->owner.account, o->number, &o->body, &o->signature, err);
}

static int deny(dm_req *req)
{
    return dm_deny(req, DM_NO_STATEMENT_UNKNOWN, "statement.get", "statement not found");
}

/* The body is a string, so that whoever verifies the signature has the bytes that were signed. */
static int get_one(dm_req *req, void *ctx, dm_err *err)
{
    one o = {.caller = &dm_session_of(req)->caller};
    int r = dm_parse_i64(dm_statement_param(req, 0), 1, INT64_MAX, &o.number.v, NULL);
    if (r < 0)
        return deny(req);
    dm_buf_init(&o.body, BODY_MAX);
    r = dm_api_tx(ctx, o.caller, query_one, &o, err);
    if (r == DM_READ_NONE) {
        r = deny(req);
    } else if (r == 0) {
        dm_jw w = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&w);
        dm_jw_ki64(&w, "number", o.number.v);
        write_hex(&w, "sha256", o.signature.sha256.b, sizeof o.signature.sha256.b);
        write_hex(&w, "publicKey", o.signature.key.b, sizeof o.signature.key.b);
        write_hex(&w, "signature", o.signature.signature.b, sizeof o.signature.signature.b);
        dm_jw_ku64(&w, "version", o.signature.version);
        dm_jw_ku64(&w, "pages", o.signature.pages);
        dm_jw_kstr(&w, "body", dm_buf_view(&o.body));
        dm_jw_end(&w);
    }
    dm_buf_done(&o.body);
    return r;
}

/* --- a page of it ------------------------------------------------------------------------------------------- */

typedef struct paged {
    const dm_caller *caller;
    dm_statement_no number;
    int64_t page;
    dm_read_page read;
} paged;

static int query_page(dm_pg *c, void *arg, dm_err *err)
{
    paged *p = arg;
    return dm_read_statement_page(c, p->caller->owner.account, p->number, (uint32_t)p->page, &p->read, err);
}

static void write_page(dm_jw *w, const paged *p)
{
    char hex[2 * DM_SHA256 + 1];
    dm_jw_obj(w);
    dm_jw_ki64(w, "number", p->number.v);
    dm_jw_ki64(w, "page", p->page);
    write_hex(w, "sha256", p->read.sha256.b, sizeof p->read.sha256.b);
    dm_jw_key(w, "proof");
    dm_jw_arr(w);
    for (size_t i = 0; i < p->read.nproof; i++) {
        dm_hex(p->read.proof[i].b, sizeof p->read.proof[i].b, hex);
        dm_jw_c(w, hex);
    }
    dm_jw_arr_end(w);
    dm_jw_kstr(w, "body", dm_buf_view(&p->read.body));
    dm_jw_end(w);
}

static int get_page(dm_req *req, void *ctx, dm_err *err)
{
    paged p = {.caller = &dm_session_of(req)->caller};
    if (dm_parse_i64(dm_statement_param(req, 0), 1, INT64_MAX, &p.number.v, NULL) < 0 ||
            dm_parse_i64(dm_statement_param(req, 1), 1, INT32_MAX, &p.page, NULL) < 0)
        return deny(req);
    dm_buf_init(&p.read.body, DM_READ_PAGE_BYTES);
    int r = dm_api_tx(ctx, p.caller, query_page, &p, err);
    if (r == DM_READ_NONE) {
        r = deny(req);
    } else if (r == 0) {
        dm_jw w = dm_reply_json(&req->reply, 200);
        write_page(&w, &p);
    }
    dm_buf_done(&p.read.body);
    return r;
}

/* --- its lines ---------------------------------------------------------------------------------------------- */

typedef struct lined {
    const dm_caller *caller;
    dm_statement_no number;
    dm_page page;
    bool there;
    dm_read_line rows[DM_READ_PAGE_MAX];
    size_t n;
    dm_pg_total total;
} lined;

static int query_lines(dm_pg *c, void *arg, dm_err *err)
{
    lined *l = arg;
    dm_account_no account = l->caller->owner.account;
    uint32_t after = l->page.from ? (uint32_t)l->page.us : 0;
    int r = dm_read_statement_is(c, account, l->number, err);
    l->there = r == 0;
    if (r != 0)
        return r == DM_READ_NONE ? 0 : r;
    return dm_read_lines(c, account, l->number, (dm_project_no){0}, after, (size_t)l->page.limit + 1, l->rows, &l->n,
            &l->total, err);
}

static int write_line(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const lined *of = list;
    const dm_read_line *l = &of->rows[i];
    (void)err;
    dm_jw_obj(w);
    dm_jw_ku64(w, "line", l->line_no);
    dm_jw_key(w, "sandbox");
    if (l->has_sandbox) {
        dm_sandbox_name name = dm_sandbox_name_of(&l->sandbox);
        dm_jw_c(w, name.s);
        dm_jw_ku64(w, "epoch", l->epoch);
    } else {
        dm_jw_null(w);
    }
    dm_jw_kc(w, "sku", l->sku);
    dm_jw_ku64(w, "tier", l->tier);
    dm_jw_ki64(w, "book", l->book_id);
    dm_write_time(w, "from", l->charge_from * 1000000);
    dm_write_time(w, "to", l->charge_to * 1000000);
    if (l->corrects >= 0)
        dm_write_time(w, "corrects", l->corrects * 1000000);
    dm_jw_ki64(w, "seconds", l->seconds);
    dm_jw_kc(w, "quantity", l->qty);
    dm_jw_kc(w, "perUnit", l->per_unit);
    dm_jw_kc(w, "amount", l->amount);
    dm_jw_end(w);
    at->us = l->line_no;
    return 0;
}

static int lines(dm_req *req, dm_api *api, lined *l, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'l', .id = "line", .write = write_line};
    int r = dm_rows_read(req, kind.order, &l->page, err);
    if (r == 0 && dm_parse_i64(dm_statement_param(req, 0), 1, INT64_MAX, &l->number.v, NULL) < 0)
        return deny(req);
    if (r == 0)
        r = dm_api_tx(api, l->caller, query_lines, l, err);
    if (r < 0)
        return r;
    return l->there ? dm_rows_write(req, &kind, l, l->n, l->page.limit, l->total, err) : deny(req);
}

static int list_lines(dm_req *req, void *ctx, dm_err *err)
{
    lined *l = calloc(1, sizeof *l); /* a page of rows: too much for this stack */
    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "a statement's lines");
    l->caller = &dm_session_of(req)->caller;
    int r = lines(req, ctx, l, err);
    free(l);
    return r;
}

int dm_route_statement_page(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get_page, err);
}

int dm_route_statement_lines(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_lines, err);
}

int dm_route_statement_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_all, err);
}

/* As paper. The number goes on as it is written when it is one: an order has no second spelling of it. */
static int get_paper(dm_req *req, void *ctx, dm_err *err)
{
    dm_document d = {.of = DM_DOCUMENT_STATEMENT, .number = dm_statement_param(req, 0)};
    char text[32];
    int64_t number;
    d.format = dm_document_format(&d.number);
    if (strcmp(d.format, "pdf") != 0 || dm_parse_i64(d.number, 1, INT64_MAX, &number, NULL) < 0)
        return deny(req);
    (void)snprintf(text, sizeof text, "%lld", (long long)number);
    d.number = dm_str_c(text);
    return dm_document_answer(req, ctx, &d, err);
}

int dm_route_statement_get(dm_req *req, void *ctx, dm_err *err)
{
    dm_str number = dm_statement_param(req, 0);
    if (dm_document_format(&number) != NULL) {
        dm_api *api = ctx;
        const dm_later_at at = {.line = DM_LATER_FILES, .project = {dm_session_of(req)->caller.owner.account.v}};
        return dm_later_hop(api->later, at, req, get_paper, api, err);
    }
    return dm_api_hop(req, ctx, DM_LATER_READS, get_one, err);
}
