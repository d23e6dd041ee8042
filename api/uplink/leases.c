/* POST /v1/workers/{no}/leases: what a worker may run of what is budgeted (base/wire/lease.h). One transaction for all
 * that it asks: who is granted what is decided in the database, with the account locked, so that it does not matter
 * which instance is asked. Nothing is kept here. Whose budget is about to end hears so before it does: his alerts are
 * looked at then and not with the next round. */
#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/life/alert.h"
#include "api/uplink/routes.h"
#include "tenants/plan/budget.h"

typedef struct asking {
    dm_worker_no worker;
    dm_lease_asks m;
    int64_t cap_s;
    dm_pg_rows *rows;
} asking;

static int do_grant(dm_pg *c, void *arg, dm_err *err)
{
    asking *a = arg;
    dm_pg_rows_free(a->rows);
    a->rows = NULL;
    return dm_budget_grant(c, a->worker, &a->m, a->cap_s, &a->rows, err);
}

static void say_last(dm_api *api, const dm_budget_granted *g)
{
    DM_LOG(api->log, DM_INFO, "budget.last", dm_fi("account", g->owner.account.v), dm_fi("project", g->project_no),
            dm_fi("left_s", g->left_s), dm_fv("cause", g->cause));
}

enum { LOOKS_MAX = 8 }; /* of one answer, for which a worker waits; of whom else the next round hears */

/* The rows are by account. */
static void tell_soon(dm_api *api, const dm_pg_rows *rows)
{
    dm_account_no told = {0};
    for (size_t i = 0, looks = 0; i < dm_pg_count(rows) && looks < LOOKS_MAX; i++) {
        dm_budget_granted g;
        dm_budget_granted_read(rows, i, &g);
        if ((!g.soon && !g.last) || g.owner.account.v == told.v)
            continue;
        told = g.owner.account;
        (void)dm_alert_look_now(api, told);
        looks++;
    }
}

static void answer(dm_req *req, dm_api *api, const asking *a)
{
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "cap_s", a->cap_s);
    dm_jw_key(&w, "leases");
    dm_jw_arr(&w);
    for (size_t i = 0; i < dm_pg_count(a->rows); i++) {
        dm_budget_granted g;
        dm_budget_granted_read(a->rows, i, &g);
        dm_jw_obj(&w);
        dm_jw_ki64(&w, "project_no", g.project_no);
        dm_jw_kstr(&w, "state", g.state);
        dm_jw_ki64(&w, "left_s", g.left_s);
        if (g.cause.p != NULL)
            dm_jw_kstr(&w, "cause", g.cause);
        dm_jw_end(&w);
        if (g.last)
            say_last(api, &g);
    }
    dm_jw_arr_end(&w);
    dm_jw_end(&w);
}

int dm_route_worker_leases(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    DM_AUTO(json_t) obj = NULL;
    asking a = {.cap_s = (int64_t)api->config->lease_cap_s};
    int r = dm_parse_u64(req->params[0], 1, INT64_MAX, &a.worker.v, err);
    if (r == 0)
        r = dm_json_load(req->body, DM_WK_BODY_MAX, &obj, err);
    if (r == 0)
        r = dm_lease_asks_read(obj, &a.m, err);
    if (r < 0)
        return r;
    r = dm_api_tx_ops(api, do_grant, &a, err);
    if (r == 0) {
        tell_soon(api, a.rows);
        answer(req, api, &a);
    }
    dm_pg_rows_free(a.rows);
    dm_lease_asks_done(&a.m);
    return r;
}
