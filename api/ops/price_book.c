/* /v1/ops/price-books: prices, as two people make them. */
#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "metering/ask/book.h"
#include "metering/read/book.h"
#include "tenants/plan/audit.h"

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_page page;
    dm_str status;
    dm_pg_rows *rows;
    dm_pg_total total;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    return dm_read_books(
            c, l->status, l->page.from ? l->page.us : INT64_MAX, l->page.limit + 1, &l->rows, &l->total, err);
}

static int write_list(dm_req *req, const listing *l, dm_err *err)
{
    size_t n = dm_pg_count(l->rows), written = 0, from = 0;
    int64_t id = 0;
    int r = 0;
    dm_jw w = dm_rows_begin(req);
    for (; r == 0 && from < n && written < (size_t)l->page.limit; written++) {
        size_t to = dm_read_book_end(l->rows, from);
        id = dm_read_book_id(l->rows, from);
        r = dm_read_book_write(&w, l->rows, from, to, true, err);
        from = to;
    }
    const dm_rows_last last = {.more = from < n, .order = 'p', .us = id, .id = DM_STR_INIT("book"), .total = l->total};
    return r < 0 ? r : dm_rows_end(&w, &last, err);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    listing l = {.status = dm_req_query(req, "status")};
    int r = dm_rows_read(req, 'p', &l.page, err);
    if (r == 0)
        r = dm_ops_status_ok(l.status, err);
    if (r == 0)
        r = dm_api_tx_ops(ctx, query, &l, err);
    if (r == 0)
        r = write_list(req, &l, err);
    dm_pg_rows_free(l.rows);
    return r;
}

int dm_route_ops_book_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one, and what is done with it -------------------------------------------------------------------------- */

enum { NO_BOOK = 32 }; /* beside the outcomes of the acts */

typedef struct work {
    int64_t id;
    const char *what, *who, *reason;
    int (*act)(dm_pg *c, struct work *w, dm_err *err); /* NULL: it is only looked at */
    const dm_ask_book *kind;
    int64_t valid_from_s;
    dm_str prices, sha256;
    dm_pg_rows *rows;
} work;

static int audit(dm_pg *c, const work *w, dm_err *err)
{
    char object[40];
    (void)snprintf(object, sizeof object, "book:%lld", (long long)w->id);
    const dm_audit line = {.who = w->who, .verb = w->what, .object = object, .reason = w->reason};
    return dm_audit_add(c, &line, err);
}

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    int r = w->act != NULL ? w->act(c, w, err) : 0;
    if (r == 0 && w->act != NULL)
        r = audit(c, w, err);
    if (r != 0)
        return r;
    r = dm_read_book_find(c, w->id, &w->rows, err);
    return r == DM_READ_BOOK_NONE ? NO_BOOK : r;
}

static int refuse(dm_req *req, int r, const char *what)
{
    switch (r) {
    case NO_BOOK:
    case DM_ASK_BOOK_NONE:
        return dm_deny(req, DM_NO_PRICE_BOOK_UNKNOWN, what, "no such price book");
    case DM_ASK_BOOK_STATE:
        return dm_deny(
                req, DM_NO_BOOK_STAYS, what, "this price book is past that: what holds, or held, stays as it is");
    case DM_ASK_BOOK_OWN:
        return dm_deny(req, DM_NO_BOOK_SECOND, what, "who has written of a price book does not approve it");
    case DM_ASK_BOOK_OTHER:
        return dm_deny(req, DM_NO_BOOK_OTHER, what, "the price book is not what this hash is of");
    case DM_ASK_BOOK_LATE:
        return dm_deny(req, DM_NO_BOOK_LATE, what, "a price book begins %d seconds after its approval at the earliest",
                DM_ASK_BOOK_AHEAD_S);
    case DM_ASK_BOOK_UNTRIED:
        return dm_deny(req, DM_NO_BOOK_UNTRIED, what,
                "the price book concerns a closed month, and what it is now was not tried over one");
    case DM_ASK_BOOK_WRONG:
        return dm_deny(req, DM_NO_BOOK_WRONG, what,
                "no such tier, price group or contract, or it is not whole: a price lacks, or its tiers begin within a "
                "month");
    default:
        return r;
    }
}

/* Does it, if it is an act, and answers with the book as it then is. */
static int answer(dm_req *req, dm_api *api, int status, work *w, dm_err *err)
{
    int r = w->act == NULL || w->kind == NULL ? dm_parse_i64(req->params[0], 1, INT64_MAX, &w->id, NULL) : 0;
    w->who = dm_ops_who(req);
    r = r < 0 ? NO_BOOK : dm_api_tx_ops(api, run, w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, status);
        r = dm_read_book_write(&j, w->rows, 0, dm_pg_count(w->rows), true, err);
    } else if (r > 0) {
        r = refuse(req, r, w->what);
    }
    dm_pg_rows_free(w->rows);
    return r;
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.what = "book.get"};
    return answer(req, ctx, 200, &w, err);
}

int dm_route_ops_book_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

/* --- drafts ------------------------------------------------------------------------------------------------- */

typedef struct draft_body {
    char *price_group, *tier, *currency, *rated_by, *compute_type, *compute_quality, *contract, *valid_from, *reason;
    json_t *prices;
} draft_body;

#define TEXT(name, has, least, most)                                                                                   \
    {                                                                                                                  \
#name, DM_JSON_STR, offsetof(draft_body, name), has, least, most                                               \
    }
/* What both take stands first. */
static const dm_json_field draft_fields[] = {
        TEXT(valid_from, DM_JSON_NEED, 1, 64),
        TEXT(reason, DM_JSON_OPT, 0, DM_REASON_BYTES_MAX),
        {"prices", DM_JSON_ARR, offsetof(draft_body, prices), DM_JSON_NEED, 0, DM_ASK_BOOK_PRICES_MAX},
        TEXT(price_group, DM_JSON_NEED, 1, DM_ASK_BOOK_NAME_BYTES),
        TEXT(tier, DM_JSON_NEED, 1, DM_ASK_BOOK_NAME_BYTES),
        TEXT(currency, DM_JSON_NEED, 3, 3),
        TEXT(rated_by, DM_JSON_NEED, 1, 16),
        TEXT(compute_type, DM_JSON_OPT, 0, DM_ASK_BOOK_NAME_BYTES),
        TEXT(compute_quality, DM_JSON_OPT, 0, DM_ASK_BOOK_NAME_BYTES),
        TEXT(contract, DM_JSON_OPT, 0, 64),
};
enum { OF_BOTH = 3 };

/* When it begins, and its prices as rows. */
static int read_terms(const draft_body *b, int64_t *valid_from_s, dm_buf *prices, dm_err *err)
{
    int r = dm_ask_book_begins(b->valid_from, valid_from_s, err);
    return r < 0 ? r : dm_ask_prices(b->prices, prices, err);
}

static int act_draft(dm_pg *c, work *w, dm_err *err)
{
    return dm_ask_book_draft(c, w->who, w->reason, w->kind, w->prices, &w->id, err);
}

static int act_edit(dm_pg *c, work *w, dm_err *err)
{
    return dm_ask_book_edit(c, w->who, w->id, w->valid_from_s, w->prices, err);
}

int dm_route_ops_book_add(dm_req *req, void *ctx, dm_err *err)
{
    draft_body b = {.prices = NULL};
    DM_AUTO_BUF prices;
    dm_ask_book kind = {.valid_from_s = 0};
    dm_buf_init(&prices, DM_ASK_PRICES_BYTES);
    int r = dm_body_read(req, draft_fields, DM_LEN(draft_fields), &b, err);
    if (r == 0)
        r = dm_ask_book_kind_ok(b.rated_by, b.currency, err);
    if (r == 0)
        r = read_terms(&b, &kind.valid_from_s, &prices, err);
    if (r == 0)
        r = dm_ops_reason(req, "book.draft", b.reason);
    if (r == 0) {
        kind.price_group = dm_str_c(b.price_group);
        kind.tier = dm_str_c(b.tier);
        kind.currency = dm_str_c(b.currency);
        kind.rated_by = dm_str_c(b.rated_by);
        kind.compute_type = dm_str_maybe(b.compute_type);
        kind.compute_quality = dm_str_maybe(b.compute_quality);
        kind.contract = dm_str_maybe(b.contract);
        work w = {.what = "book.draft",
                .reason = b.reason,
                .act = act_draft,
                .kind = &kind,
                .prices = dm_buf_view(&prices)};
        r = answer(req, ctx, 201, &w, err);
    }
    dm_json_done(draft_fields, DM_LEN(draft_fields), &b);
    return r < 0 ? r : 0;
}

int dm_route_ops_book_edit(dm_req *req, void *ctx, dm_err *err)
{
    draft_body b = {.prices = NULL};
    DM_AUTO_BUF prices;
    work w = {.what = "book.edit", .act = act_edit};
    dm_buf_init(&prices, DM_ASK_PRICES_BYTES);
    int r = dm_body_read(req, draft_fields, OF_BOTH, &b, err);
    if (r == 0)
        r = read_terms(&b, &w.valid_from_s, &prices, err);
    if (r == 0)
        r = dm_ops_reason(req, w.what, b.reason);
    if (r == 0) {
        w.reason = b.reason;
        w.prices = dm_buf_view(&prices);
        r = answer(req, ctx, 200, &w, err);
    }
    dm_json_done(draft_fields, OF_BOTH, &b);
    return r < 0 ? r : 0;
}

/* --- the second person -------------------------------------------------------------------------------------- */

typedef struct approve_body {
    char *sha256, *reason;
} approve_body;

static const dm_json_field approve_fields[] = {
        {"sha256", DM_JSON_STR, offsetof(approve_body, sha256), DM_JSON_NEED, 64, 64},
        {"reason", DM_JSON_STR, offsetof(approve_body, reason), DM_JSON_OPT, 0, DM_REASON_BYTES_MAX},
};

static int act_approve(dm_pg *c, work *w, dm_err *err)
{
    return dm_ask_book_approve(c, w->who, w->reason, w->id, w->sha256, err);
}

static int act_withdraw(dm_pg *c, work *w, dm_err *err)
{
    return dm_ask_book_withdraw(c, w->who, w->reason, w->id, err);
}

int dm_route_ops_book_approve(dm_req *req, void *ctx, dm_err *err)
{
    approve_body b = {NULL, NULL};
    int r = dm_body_read(req, approve_fields, DM_LEN(approve_fields), &b, err);
    if (r == 0)
        r = dm_ops_reason(req, "book.approve", b.reason);
    if (r == 0) {
        work w = {.what = "book.approve", .reason = b.reason, .act = act_approve, .sha256 = dm_str_c(b.sha256)};
        r = answer(req, ctx, 200, &w, err);
    }
    dm_json_done(approve_fields, DM_LEN(approve_fields), &b);
    return r < 0 ? r : 0;
}

int dm_route_ops_book_withdraw(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, "book.withdraw", &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    work w = {.what = "book.withdraw", .reason = why.reason, .act = act_withdraw};
    return answer(req, ctx, 200, &w, err);
}
