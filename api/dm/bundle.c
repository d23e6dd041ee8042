/* GET /v1/accounts/{id}/bundle and /v1/accounts/{id}/statements/{number}/bundle: statements with all that they were
 * made of, as one file (sdk/FORMAT.md).
 *
 * It may be of millions of sandboxes, so it is neither made first nor kept: a thread of a line of its own reads a page
 * at a time and gives it to the connection, which holds no more than STREAM_MAX of it. Who reads slowly keeps that
 * thread, one of his account's share; who takes nothing for a minute is hung up on. What fails on the way can only
 * break the connection: the file has no end then, and zstd says so. */
#include "metering/read/bundle.h"

#include <stdio.h>
#include <time.h>

#include "base/month.h"
#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/dm/statement.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "metering/read/read.h"

enum { STREAM_MAX = 512 << 10, PIECE = 64 << 10, FULL_MS = 5, STALLED_MS = 60000 };

/* --- which statements --------------------------------------------------------------------------------------- */

typedef struct asked {
    dm_caller caller;
    dm_statement_no first, last; /* first 0: by time */
    int64_t from, to;
    dm_bundle_what what;
} asked;

static int unknown(dm_req *req)
{
    return dm_deny(req, DM_NO_STATEMENT_UNKNOWN, "statement.get", "statement not found");
}

static int read_range(const dm_req *req, asked *a, dm_err *err)
{
    dm_str from = dm_req_query(req, "from"), to = dm_req_query(req, "to");
    int64_t skipped;
    if (from.p == NULL)
        return dm_fail(err, DM_E_INVALID, "from is missing: a month (2026-03) or the number of a statement");
    if (to.p == NULL)
        to = from;
    if (dm_parse_i64(from, 1, INT64_MAX, &a->first.v, NULL) == 0 &&
            dm_parse_i64(to, a->first.v, INT64_MAX, &a->last.v, NULL) == 0)
        return 0;
    a->first.v = 0;
    if (dm_month_read(from, &a->from, &skipped) == 0 && dm_month_read(to, &skipped, &a->to) == 0 && a->from < a->to)
        return 0;
    return dm_fail(err, DM_E_INVALID, "from and to are two months (2026-03), or two numbers of statements, in order");
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    asked *a = arg;
    return dm_bundle_range(c, a->caller.owner.account, a->first, a->last, a->from, a->to, &a->what, err);
}

/* --- handing over ------------------------------------------------------------------------------------------- */

typedef struct giving {
    dm_api *api;
    const asked *of;
    dm_stream *stream;
} giving;

static int tx(void *arg, dm_pg_fn fn, void *of, dm_err *err)
{
    const giving *g = arg;
    return dm_api_tx(g->api, &g->of->caller, fn, of, err);
}

/* There is no word of a stream that has room again: it is asked, rarely enough to cost nothing. */
static int give_piece(const giving *g, dm_str piece, dm_err *err)
{
    const struct timespec pause = {.tv_nsec = FULL_MS * 1000000L};
    for (int waited = 0; waited < STALLED_MS; waited += FULL_MS) {
        int r = dm_stream_add(g->stream, piece);
        if (r != DM_STREAM_FULL)
            return r == 0 ? 0 : dm_fail(err, DM_E_UNAVAILABLE, "its reader has gone");
        (void)nanosleep(&pause, NULL);
    }
    return dm_fail(err, DM_E_TIMEOUT, "its reader takes nothing");
}

static int give(void *arg, dm_str bytes, dm_err *err)
{
    int r = 0;
    while (r == 0 && bytes.n > 0) {
        size_t n = bytes.n < PIECE ? bytes.n : PIECE;
        r = give_piece(arg, (dm_str){bytes.p, n}, err);
        bytes = (dm_str){bytes.p + n, bytes.n - n};
    }
    return r;
}

static int begin(dm_req *req, const asked *a, dm_stream **out, dm_err *err)
{
    char name[160];
    dm_reply_text(&req->reply, 200, "application/zstd", DM_STR(""));
    (void)snprintf(name, sizeof name, "attachment; filename=\"dormouse-%s-%lld-%lld.tar.zst\"", a->caller.account_id,
            (long long)a->what.first.v, (long long)a->what.last.v);
    dm_hint(&req->reply, "Content-Disposition", dm_str_c(name));
    dm_hint(&req->reply, "Cache-Control", DM_STR("no-store, no-transform"));
    dm_hint(&req->reply, "X-Accel-Buffering", DM_STR("no"));
    return dm_req_stream(req, STREAM_MAX, out, err);
}

static int hand_over(dm_req *req, dm_api *api, asked *a, dm_err *err)
{
    int r = dm_api_tx(api, &a->caller, query, a, err);
    if (r != 0)
        return r == DM_READ_NONE ? unknown(req) : r;
    a->what.account = a->caller.account_id;
    giving g = {.api = api, .of = a};
    r = begin(req, a, &g.stream, err);
    if (r < 0)
        return r;
    const dm_bundle_db db = {tx, &g};
    dm_err why;
    r = dm_bundle_write(&db, &a->what, give, &g, &why);
    if (r < 0)
        dm_log_err(
                api->log, r == DM_E_UNAVAILABLE || r == DM_E_TIMEOUT ? DM_INFO : DM_ERROR, "bundle.broken_off", &why);
    dm_stream_end(g.stream, r < 0);
    return DM_HTTP_LATER;
}

/* What it says of the caller must outlive the request, which is gone when the stream has begun. */
static int bundle(dm_req *req, dm_api *api, bool one, dm_err *err)
{
    DM_AUTO_MEM asked *a = calloc(1, sizeof *a);
    if (a == NULL)
        return dm_fail(err, DM_E_NOMEM, "a bundle");
    a->caller = dm_session_of(req)->caller;
    if (one && dm_parse_i64(dm_statement_param(req, 0), 1, INT64_MAX, &a->first.v, NULL) < 0)
        return unknown(req);
    a->last = a->first;
    int r = one ? 0 : read_range(req, a, err);
    return r < 0 ? r : hand_over(req, api, a, err);
}

static int of_account(dm_req *req, void *ctx, dm_err *err)
{
    return bundle(req, ctx, false, err);
}

static int of_statement(dm_req *req, void *ctx, dm_err *err)
{
    return bundle(req, ctx, true, err);
}

/* A party of the line is an account: its number, where others have a project's. */
static int hop(dm_req *req, dm_api *api, dm_http_handler fn, dm_err *err)
{
    const dm_later_at at = {.line = DM_LATER_FILES, .project = {dm_session_of(req)->caller.owner.account.v}};
    return dm_later_hop(api->later, at, req, fn, api, err);
}

int dm_route_account_bundle(dm_req *req, void *ctx, dm_err *err)
{
    return hop(req, ctx, of_account, err);
}

int dm_route_statement_bundle(dm_req *req, void *ctx, dm_err *err)
{
    return hop(req, ctx, of_statement, err);
}
