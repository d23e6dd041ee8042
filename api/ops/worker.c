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
    dm_page page;
    dm_pg_rows *rows;
    dm_pg_total total;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    const dm_worker_no after = {l->page.from ? (uint64_t)l->page.us : 0};
    return dm_fleet_list(c, after, l->page.limit + 1, &l->rows, &l->total, err);
}

static int write_list(dm_req *req, const dm_api *api, const listing *l, dm_err *err)
{
    dm_fleet_worker f = {.no = {0}};
    size_t n = dm_pg_count(l->rows);
    bool more = n > (size_t)l->page.limit;
    dm_jw w = dm_rows_begin(req);
    for (size_t i = 0; i < (more ? (size_t)l->page.limit : n); i++) {
        dm_fleet_read(l->rows, i, &f);
        dm_fleet_write(&w, &f, (int64_t)api->config->lease_s);
    }
    const dm_rows_last last = {
            .more = more, .order = 'w', .us = (int64_t)f.no.v, .id = DM_STR_INIT("worker"), .total = l->total};
    return dm_rows_end(&w, &last, err);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    listing l = {.rows = NULL};
    int r = dm_rows_read(req, 'w', &l.page, err);
    if (r == 0)
        r = dm_api_tx_ops(ctx, query, &l, err);
    if (r == 0)
        r = write_list(req, ctx, &l, err);
    dm_pg_rows_free(l.rows);
    return r;
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
