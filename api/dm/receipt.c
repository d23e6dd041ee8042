/* /v1/accounts/{id}/receipts: of each payment of an invoice and each sum that was paid in advance, newest first; and
 * one: its canonical bytes, with their hash in a header, or, with ".pdf" behind its number, on paper (document.c). */
#include "metering/read/receipt.h"

#include "base/parse.h"

#include "api/dm/document.h"
#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"

enum { NUMBER_MAX = 40 };

static int deny(dm_req *req)
{
    return dm_deny(req, DM_NO_RECEIPT_UNKNOWN, "receipt.get", "receipt not found");
}

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    dm_account_no account_no;
    dm_str invoice;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    return dm_read_receipts(c, l->account_no, l->invoice, dm_rows_below(&l->db.page), l->db.page.limit + 1, &l->db.rows,
            &l->db.total, err);
}

static int write_one(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_receipt_row row;
    (void)err;
    dm_receipt_row_read(l->db.rows, i, &row);
    dm_receipt_row_write(w, &row);
    at->us = row.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'R', .id = "receipt", .query = query, .write = write_one};
    const dm_caller *caller = &dm_session_of(req)->caller;
    listing l = {.account_no = caller->owner.account, .invoice = dm_req_query(req, "invoice")};
    return dm_rows_own(req, ctx, caller, &kind, &l, err);
}

int dm_route_receipt_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one ---------------------------------------------------------------------------------------------------- */

typedef struct one {
    dm_account_no account_no;
    dm_str number;
    dm_buf body;
} one;

static int query_one(dm_pg *c, void *arg, dm_err *err)
{
    one *o = arg;
    DM_AUTO(dm_pg_rows) rows = NULL;
    dm_receipt_row row;
    dm_buf_reset(&o->body);
    int r = dm_read_receipt(c, o->account_no, o->number, &rows, err);
    if (r != 0)
        return r;
    dm_receipt_row_read(rows, 0, &row);
    return dm_receipt_kept_body(&row.kept, &o->body, err);
}

static int write_body(dm_req *req, const one *o, dm_err *err)
{
    char hex[2 * DM_SHA256 + 1];
    dm_digest hash;
    int r = dm_sha256(dm_buf_view(&o->body), &hash, err);
    if (r < 0)
        return r;
    dm_hex(hash.b, sizeof hash.b, hex);
    dm_reply_text(&req->reply, 200, "application/json", dm_buf_view(&o->body));
    dm_hint(&req->reply, "Dormouse-SHA256", dm_str_c(hex));
    return 0;
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    one o = {.account_no = caller->owner.account, .number = req->params[1]};
    if (o.number.n > NUMBER_MAX)
        return deny(req);
    dm_buf_init(&o.body, DM_RECEIPT_BYTES_MAX);
    int r = dm_api_tx(ctx, caller, query_one, &o, err);
    if (r == DM_READ_NONE)
        r = deny(req);
    else if (r == 0)
        r = write_body(req, &o, err);
    dm_buf_done(&o.body);
    return r;
}

static int get_paper(dm_req *req, void *ctx, dm_err *err)
{
    dm_document d = {.of = DM_DOCUMENT_RECEIPT, .number = req->params[1]};
    d.format = dm_document_format(&d.number);
    if (strcmp(d.format, "pdf") != 0 || d.number.n > NUMBER_MAX)
        return deny(req);
    return dm_document_answer(req, ctx, &d, err);
}

int dm_route_receipt_get(dm_req *req, void *ctx, dm_err *err)
{
    dm_str number = req->params[1];
    dm_api *api = ctx;
    if (dm_document_format(&number) != NULL) {
        const dm_later_at at = {.line = DM_LATER_FILES, .project = {dm_session_of(req)->caller.owner.account.v}};
        return dm_later_hop(api->later, at, req, get_paper, api, err);
    }
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}
