/* GET /v1/price-books/{book}: the bytes whose hash is in statements. Of plans that the account has or had: what others
 * agreed on is theirs. */
#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/dm/statement.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "metering/read/read.h"
#include "metering/read/sworn.h"

typedef struct asked {
    const dm_caller *caller;
    int64_t id;
    dm_read_book book;
} asked;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    asked *a = arg;
    return dm_read_book_of(c, a->caller->owner.account, a->id, &a->book, err);
}

static void write_book(dm_jw *w, const asked *a)
{
    char hex[2 * DM_SHA256 + 1];
    dm_hex(a->book.sha256.b, sizeof a->book.sha256.b, hex);
    dm_jw_obj(w);
    dm_jw_ki64(w, "id", a->id);
    dm_jw_kc(w, "sha256", hex);
    dm_write_time(w, "valid_to", a->book.valid_to == INT64_MAX ? 0 : a->book.valid_to * 1000000);
    dm_jw_kstr(w, "body", dm_buf_view(&a->book.body));
    dm_jw_end(w);
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    asked a = {.caller = &dm_session_of(req)->caller};
    int r = DM_READ_NONE;
    dm_buf_init(&a.book.body, 64 << 10);
    /* without an account it would be whichever */
    if (a.caller->owner.account.v != 0 && dm_parse_i64(dm_statement_param(req, 0), 1, INT64_MAX, &a.id, NULL) == 0)
        r = dm_api_tx(ctx, a.caller, query, &a, err);
    if (r == DM_READ_NONE) {
        r = dm_deny(req, DM_NO_PRICE_BOOK_UNKNOWN, "price_book.get", "price book not found");
    } else if (r == 0) {
        dm_jw w = dm_reply_json(&req->reply, 200);
        write_book(&w, &a);
    }
    dm_buf_done(&a.book.body);
    return r;
}

int dm_route_price_book_get(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}
