/* GET /v1/accounts/{id}/statements/{number}/attestations: what was sworn to of the sandboxes of a statement, in its
 * order; /v1/attestations/{hash}: one of them. Its message is what its signature is over, as bytes. */
#include <stdio.h>

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/dm/statement.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "metering/read/read.h"
#include "metering/read/sworn.h"

/* A row's place in the whole list is its page and its place there: a cursor has both in one number. */
enum { PAGE_ROOM = 1 << 20 };

static void write_one(dm_jw *w, const dm_read_oath *o, uint32_t page)
{
    char hex[2 * DM_SHA256 + 1];
    DM_AUTO_BUF text;
    dm_sandbox_name name = dm_sandbox_name_of(&o->sandbox);
    dm_buf_init(&text, 256 << 10);
    (void)dm_base64_encode(&text, o->message.p, o->message.n);
    dm_jw_obj(w);
    if (page > 0) {
        dm_jw_ku64(w, "page", page);
        dm_jw_ki64(w, "place", o->place);
    }
    dm_jw_kc(w, "sandbox", name.s);
    dm_jw_ki64(w, "epoch", o->epoch);
    dm_hex(o->hash.b, sizeof o->hash.b, hex);
    dm_jw_kc(w, "hash", hex);
    dm_jw_kbool(w, "attested", !o->by_service);
    dm_jw_ku64(w, "worker", o->worker_no.v);
    dm_jw_kstr(w, "message", dm_buf_view(&text));
    dm_jw_end(w);
}

/* --- of a statement ----------------------------------------------------------------------------------------- */

typedef struct listed {
    const dm_caller *caller;
    dm_statement_no number;
    dm_page page;
    uint32_t at, pages; /* the page that is read, of so many */
    int64_t total;
    size_t want; /* rows of it */
    int64_t after;
    dm_pg_rows *rows;
} listed;

static int query_count(dm_pg *c, void *arg, dm_err *err)
{
    listed *l = arg;
    return dm_read_oaths_count(c, l->caller->owner.account, l->number, &l->total, &l->pages, err);
}

static int query_page(dm_pg *c, void *arg, dm_err *err)
{
    listed *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    return dm_read_oaths(c, l->caller->owner.account, l->number, l->at, l->after, l->want, &l->rows, err);
}

/* Rows of one page after the other, until there are as many as were asked for, and one that says that there are more.
 */
static int write_rows(dm_api *api, listed *l, dm_jw *w, dm_rows_last *last, dm_err *err)
{
    size_t left = (size_t)l->page.limit;
    l->at = l->page.from ? (uint32_t)(l->page.us / PAGE_ROOM) : 1;
    l->after = l->page.from ? l->page.us % PAGE_ROOM : 0;
    for (; l->at <= l->pages && !last->more; l->at++, l->after = 0) {
        l->want = left + 1;
        int r = dm_api_tx(api, l->caller, query_page, l, err);
        for (size_t i = 0; r == 0 && i < dm_pg_count(l->rows); i++) {
            dm_read_oath o;
            last->more = left == 0;
            if (last->more)
                break;
            r = dm_read_oath_at(l->rows, i, &o, err);
            if (r == 0)
                write_one(w, &o, l->at);
            last->us = (int64_t)l->at * PAGE_ROOM + o.place;
            left--;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int list(dm_req *req, dm_api *api, listed *l, dm_err *err)
{
    int r = dm_rows_read(req, 'a', &l->page, err);
    if (r < 0)
        return r;
    r = DM_READ_NONE;
    if (dm_parse_i64(dm_statement_param(req, 0), 1, INT64_MAX, &l->number.v, NULL) == 0)
        r = dm_api_tx(api, l->caller, query_count, l, err);
    if (r != 0)
        return r < 0 ? r : dm_deny(req, DM_NO_STATEMENT_UNKNOWN, "statement.get", "statement not found");
    dm_rows_last last = {.order = 'a',
            .id = DM_STR_INIT("place"),
            .total = {.n = l->total < DM_PG_TOTAL_MAX ? l->total : DM_PG_TOTAL_MAX,
                    .at_least = l->total > DM_PG_TOTAL_MAX}};
    dm_jw w = dm_rows_begin(req);
    r = write_rows(api, l, &w, &last, err);
    return r < 0 ? r : dm_rows_end(&w, &last, err);
}

static int list_all(dm_req *req, void *ctx, dm_err *err)
{
    listed l = {.caller = &dm_session_of(req)->caller};
    int r = list(req, ctx, &l, err);
    dm_pg_rows_free(l.rows);
    return r;
}

/* --- one ---------------------------------------------------------------------------------------------------- */

typedef struct one {
    const dm_caller *caller;
    dm_digest hash;
    dm_pg_rows *rows;
} one;

static int query_one(dm_pg *c, void *arg, dm_err *err)
{
    one *o = arg;
    dm_pg_rows_free(o->rows);
    o->rows = NULL;
    return dm_read_oath_of(c, o->caller->owner.account, &o->hash, &o->rows, err);
}

static int get_one(dm_req *req, void *ctx, dm_err *err)
{
    one o = {.caller = &dm_session_of(req)->caller};
    dm_read_oath oath;
    int r = 0;
    if (o.caller->owner.account.v != 0 &&
            dm_parse_hex(dm_statement_param(req, 0), o.hash.b, sizeof o.hash.b, NULL) == 0)
        r = dm_api_tx(ctx, o.caller, query_one, &o, err);
    if (r == 0 && dm_pg_count(o.rows) == 0) {
        r = dm_deny(req, DM_NO_ATTESTATION_UNKNOWN, "attestation.get", "attestation not found");
    } else if (r == 0) {
        r = dm_read_oath_at(o.rows, 0, &oath, err);
        dm_jw w = dm_reply_json(&req->reply, 200);
        if (r == 0)
            write_one(&w, &oath, 0);
    }
    dm_pg_rows_free(o.rows);
    return r;
}

int dm_route_statement_attestations(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_all, err);
}

int dm_route_attestation_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get_one, err);
}
