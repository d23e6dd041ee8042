/* /v1/ops/workers: the hosts, and emptying one. */
#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/fleet/fleet.h"

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    dm_rows_db db;
    const dm_api *api;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    const dm_worker_no after = {l->db.page.from ? (uint64_t)l->db.page.us : 0};
    return dm_fleet_list(c, after, l->db.page.limit + 1, &l->db.rows, &l->db.total, err);
}

static int write_worker(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const listing *l = list;
    dm_fleet_worker f;
    (void)err;
    dm_fleet_read(l->db.rows, i, &f);
    dm_fleet_write(w, &f, (int64_t)l->api->config->lease_s);
    at->us = (int64_t)f.no.v;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'w', .id = "worker", .query = query, .write = write_worker};
    listing l = {.api = ctx};
    return dm_rows_ops(req, ctx, &kind, &l, err);
}

int dm_route_ops_worker_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one ---------------------------------------------------------------------------------------------------- */

typedef struct work {
    dm_worker_no no;
    const char *who, *reason; /* reason NULL: nothing is to be done to it */
    bool drain;
    dm_pg_rows *rows;
} work;

static int act(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    int r = w->reason != NULL ? dm_fleet_drain(c, w->who, w->reason, w->no, w->drain, err) : 0;
    return r != 0 ? r : dm_fleet_find(c, w->no, &w->rows, err);
}

static int answer(dm_req *req, dm_api *api, const char *what, work *w, dm_err *err)
{
    dm_fleet_worker f;
    int r = dm_parse_u64(req->params[0], 1, INT64_MAX, &w->no.v, NULL);
    r = r < 0 ? DM_FLEET_NONE : dm_api_tx_ops(api, act, w, err);
    if (r == DM_FLEET_NONE)
        r = dm_deny(req, DM_NO_OPS_NO_WORKER, what, "no such worker");
    else if (r == DM_FLEET_WRITTEN_OFF)
        r = dm_deny(req, DM_NO_OPS_WRITTEN_OFF, what, "this worker was written off");
    else if (r == 0) {
        dm_fleet_read(w->rows, 0, &f);
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_fleet_write(&j, &f, (int64_t)api->config->lease_s);
    }
    dm_pg_rows_free(w->rows);
    return r;
}

int dm_route_ops_worker_get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.rows = NULL};
    return answer(req, ctx, "worker.get", &w, err);
}

static int drain(dm_req *req, dm_api *api, const char *what, bool yes, dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, what, &why, err);
    if (r != 0)
        return r < 0 ? r : 0;
    work w = {.who = dm_ops_who(req), .reason = why.reason, .drain = yes};
    return answer(req, api, what, &w, err);
}

int dm_route_ops_worker_drain(dm_req *req, void *ctx, dm_err *err)
{
    return drain(req, ctx, "worker.drain", true, err);
}

int dm_route_ops_worker_undrain(dm_req *req, void *ctx, dm_err *err)
{
    return drain(req, ctx, "worker.undrain", false, err);
}
