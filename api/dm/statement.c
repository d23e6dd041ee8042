/* GET /v1/statements and /v1/statements/{number}: the account's signed statements, newest first. */
#include <stdio.h>

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "metering/read/read.h"

_Static_assert((int)DM_ROWS_MAX + 1 == (int)DM_READ_PAGE_MAX, "a page, and one more");

enum { BODY_MAX = 24 << 20 }; /* it travels as a JSON string: quotes are escaped */

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

static void write_row(dm_jw *w, const dm_read_statement *s)
{
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
}

static int list(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    int r = dm_rows_read(req, 's', &w->page, err);
    if (r == 0)
        r = dm_api_tx(api, w->caller, query, w, err);
    if (r < 0)
        return r;
    bool more = w->n > (size_t)w->page.limit;
    size_t n = more ? (size_t)w->page.limit : w->n;
    dm_jw j = dm_rows_begin(req);
    for (size_t i = 0; i < n; i++)
        write_row(&j, &w->rows[i]);
    const dm_rows_last last = {.more = more,
            .order = 's',
            .us = n > 0 ? w->rows[n - 1].number.v : 0,
            .id = DM_STR_INIT("number"),
            .total = w->total};
    return dm_rows_end(&j, &last, err);
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
    int r = dm_parse_i64(req->params[0], 1, INT64_MAX, &o.number.v, NULL);
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
        dm_jw_kstr(&w, "body", dm_buf_view(&o.body));
        dm_jw_end(&w);
    }
    dm_buf_done(&o.body);
    return r;
}

int dm_route_statement_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_all, err);
}

int dm_route_statement_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get_one, err);
}
