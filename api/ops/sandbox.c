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
    dm_rows_db db;
    dm_seen_filter f;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    l->f.from_cursor = l->db.page.from;
    l->f.cursor_us = l->db.page.us;
    l->f.limit = l->db.page.limit + 1;
    return dm_seen_list(c, &l->f, &l->db.rows, &l->db.total, err);
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
    return dm_seen_prefix(dm_req_query(req, "id"), &l->f, err);
}

static int asked(void *arg, dm_err *err)
{
    listing *l = arg;
    return l->db.page.from ? dm_sandbox_id_parse(dm_str_c(l->db.page.id), &l->f.cursor_id, err) : 0;
}

static int write_sandbox(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_seen s;
    if (dm_seen_read(l->db.rows, i, &s, err) < 0)
        return dm_fail(err, DM_E_INTERNAL, "a row of the list cannot be read");
    dm_seen_write(w, &s);
    const dm_sandbox_name name = dm_sandbox_name_of(&s.id);
    at->us = s.created_us;
    return dm_rows_at(at, err, "%s", name.s);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'n', .asked = asked, .query = query, .write = write_sandbox};
    listing l = {.f = {.from_cursor = false}};
    int r = read_filter(req, &l, err);
    return r < 0 ? r : dm_rows_ops(req, ctx, &kind, &l, err);
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
