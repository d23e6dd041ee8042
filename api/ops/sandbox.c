/* /v1/ops/sandboxes: those of all tenants; ending one. */
#include <stddef.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "api/life/deny.h"
#include "api/life/kill.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/sandbox/seen.h"

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_seen_filter f;
    dm_page page;
    dm_pg_rows *rows;
    dm_pg_total total;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    return dm_seen_list(c, &l->f, &l->rows, &l->total, err);
}

static int read_filter(const dm_req *req, listing *l, dm_err *err)
{
    dm_str worker = dm_req_query(req, "worker");
    dm_sandbox_state state;
    l->f.state = dm_req_query(req, "state");
    l->f.account = dm_req_query(req, "account");
    l->f.project = dm_req_query(req, "project");
    int r = l->f.state.p != NULL ? dm_sandbox_state_parse(l->f.state, &state, err) : 0;
    if (r < 0)
        return dm_fail(err, DM_E_INVALID,
                "state must be a sandbox's state: starting, running, pausing, paused, resuming, ending or ended");
    if (l->f.account.p != NULL && !dm_uuid_ok(l->f.account))
        return dm_fail(err, DM_E_INVALID, "account must be an account's id");
    if (worker.p != NULL && dm_parse_u64(worker, 1, INT64_MAX, &l->f.worker.v, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "worker must be a number");
    r = dm_seen_prefix(dm_req_query(req, "id"), &l->f, err);
    if (r == 0)
        r = dm_rows_read(req, 'n', &l->page, err);
    if (r == 0 && l->page.from)
        r = dm_sandbox_id_parse(dm_str_c(l->page.id), &l->f.cursor_id, err);
    l->f.from_cursor = l->page.from;
    l->f.cursor_us = l->page.us;
    l->f.limit = l->page.limit + 1;
    return r;
}

static int write_list(dm_req *req, const listing *l, dm_err *err)
{
    dm_seen s = {.created_us = 0};
    size_t n = dm_pg_count(l->rows);
    bool more = n > (size_t)l->page.limit;
    dm_jw w = dm_rows_begin(req);
    for (size_t i = 0; i < (more ? (size_t)l->page.limit : n); i++) {
        if (dm_seen_read(l->rows, i, &s, err) < 0)
            return dm_fail(err, DM_E_INTERNAL, "a row of the list cannot be read");
        dm_seen_write(&w, &s);
    }
    const dm_sandbox_name name = dm_sandbox_name_of(&s.id);
    const dm_rows_last last = {
            .more = more, .order = 'n', .us = s.created_us, .id = dm_str_c(name.s), .total = l->total};
    return dm_rows_end(&w, &last, err);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    listing l = {.rows = NULL};
    int r = read_filter(req, &l, err);
    if (r == 0)
        r = dm_api_tx_ops(ctx, query, &l, err);
    if (r == 0)
        r = write_list(req, &l, err);
    dm_pg_rows_free(l.rows);
    return r;
}

int dm_route_ops_sandbox_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- ending one --------------------------------------------------------------------------------------------- */

static int kill_one(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "sandbox.kill";
    dm_api *api = ctx;
    dm_sandbox_id id;
    dm_dispatch_no no;
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = dm_sandbox_param(req->params[0], &id, err);
    if (r < 0)
        return r;
    r = dm_kill_by_operator(api, dm_ops_who(req), why.reason, &id, &no, err);
    switch (r) {
    case 0:
        dm_reply_empty(&req->reply, 204);
        return 0;
    case DM_KILL_NONE:
        return dm_deny_no_sandbox(req, what, &id);
    case DM_KILL_REFUSED:
        return dm_deny_worker(req, 500, NULL, what, &no);
    case DM_KILL_AWAY:
        return dm_deny_away(req, what, err);
    case DM_KILL_SLOW:
        return dm_deny_slow(req, what, err);
    default:
        return r;
    }
}

int dm_route_ops_sandbox_kill(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_STOPS, kill_one, err);
}
