/* /nodes: E2B's own route for workers, by the deployment's token (contract 2.14). What it does is /v1/ops/workers'.
 * What nobody here measures (a host's processors and disks, builds) is left out. */
#include <stddef.h>
#include <stdio.h>

#include "base/parse.h"

#include "api/kit/answer.h"
#include "api/kit/request.h"
#include "api/limits.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"
#include "tenants/fleet/fleet.h"
#include "tenants/sandbox/seen.h"

static const char *status_of(const dm_fleet_worker *f, const dm_api *api)
{
    if (dm_str_eq_c(f->state, "written_off") || f->beat_age_ms > (int64_t)api->config->lease_s * 1000)
        return "unhealthy";
    return dm_str_eq_c(f->state, "draining") ? "draining" : "ready";
}

static void write_node(dm_jw *w, const dm_fleet_worker *f, const dm_api *api)
{
    char id[32], instance[128];
    (void)snprintf(id, sizeof id, "%llu", (unsigned long long)f->no.v);
    (void)snprintf(instance, sizeof instance, "%.*s/%lld", (int)f->name.n, f->name.p, (long long)f->boot);
    dm_jw_kc(w, "nodeID", id);
    dm_jw_kc(w, "id", id);
    dm_jw_kc(w, "serviceInstanceID", instance);
    dm_jw_kstr(w, "clusterID", f->region);
    dm_jw_kstr(w, "version", f->version.p != NULL ? f->version : DM_STR(""));
    dm_jw_kc(w, "commit", "");
    dm_jw_kc(w, "status", status_of(f, api));
    dm_jw_ki64(w, "sandboxCount", f->running);
    dm_jw_key(w, "metrics");
    dm_jw_obj(w);
    dm_jw_ki64(w, "memoryTotalBytes", f->mem_mib << 20);
    dm_jw_end(w);
}

typedef struct work {
    dm_worker_no no; /* 0: all */
    bool set, drain;
    dm_pg_rows *workers, *sandboxes;
} work;

static int run(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->workers);
    dm_pg_rows_free(w->sandboxes);
    w->workers = w->sandboxes = NULL;
    if (w->set)
        return dm_fleet_drain(c, DM_OPS_TOKEN, "asked for by the admin token", w->no, w->drain, err);
    if (w->no.v == 0)
        return dm_fleet_list(c, w->no, DM_NODES_MAX, &w->workers, NULL, err);
    dm_seen_filter f = {.worker = w->no, .limit = DM_NODES_MAX};
    int r = dm_fleet_find(c, w->no, &w->workers, err);
    if (r == 0)
        r = dm_seen_prefix(DM_STR(""), &f, err);
    return r != 0 ? r : dm_seen_list(c, &f, &w->sandboxes, NULL, err);
}

static void done(work *w)
{
    dm_pg_rows_free(w->workers);
    dm_pg_rows_free(w->sandboxes);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.workers = NULL};
    dm_fleet_worker f;
    int r = dm_api_tx_ops(ctx, run, &w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_arr(&j);
        for (size_t i = 0; i < dm_pg_count(w.workers); i++) {
            dm_fleet_read(w.workers, i, &f);
            dm_jw_obj(&j);
            write_node(&j, &f, ctx);
            dm_jw_end(&j);
        }
        dm_jw_arr_end(&j);
    }
    done(&w);
    return r;
}

int dm_route_node_list(dm_req *req, void *ctx, dm_err *err)
{
    int r = dm_ops_token(req, ctx, "worker.list");
    return r != 0 ? (r < 0 ? r : 0) : dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

static int write_detail(dm_req *req, const dm_api *api, const work *w, dm_err *err)
{
    dm_fleet_worker f;
    dm_seen s;
    dm_fleet_read(w->workers, 0, &f);
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    write_node(&j, &f, api);
    dm_jw_key(&j, "sandboxes");
    dm_jw_arr(&j);
    for (size_t i = 0; i < dm_pg_count(w->sandboxes); i++) {
        if (dm_seen_read(w->sandboxes, i, &s, err) < 0)
            return dm_fail(err, DM_E_INTERNAL, "a row of the list cannot be read");
        dm_jw_obj(&j);
        dm_jw_kc(&j, "sandboxID", dm_sandbox_name_of(&s.id).s);
        dm_jw_kstr(&j, "templateID", s.template_id);
        dm_jw_kmaybe(&j, "alias", s.alias);
        dm_jw_kstr(&j, "state", s.state);
        dm_jw_ki64(&j, "cpuCount", s.vcpus);
        dm_jw_ki64(&j, "memoryMB", s.mem_mib);
        dm_jw_ktime(&j, "startedAt", s.started_us);
        dm_jw_ktime(&j, "endAt", s.end_us);
        dm_jw_end(&j);
    }
    dm_jw_arr_end(&j);
    dm_jw_end(&j);
    return 0;
}

static int one(dm_req *req, dm_api *api, const char *what, work *w, dm_err *err)
{
    int r = dm_parse_u64(req->params[0], 1, INT64_MAX, &w->no.v, NULL);
    r = r < 0 ? DM_FLEET_NONE : dm_api_tx_ops(api, run, w, err);
    if (r == DM_FLEET_NONE)
        r = dm_deny(req, DM_NO_OPS_NO_WORKER, what, "no such node");
    else if (r == DM_FLEET_WRITTEN_OFF)
        r = dm_deny(req, DM_NO_OPS_WRITTEN_OFF, what, "this node was written off");
    else if (r == 0 && w->set)
        dm_reply_empty(&req->reply, 204);
    else if (r == 0)
        r = write_detail(req, api, w, err);
    done(w);
    return r;
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.workers = NULL};
    return one(req, ctx, "worker.get", &w, err);
}

int dm_route_node_get(dm_req *req, void *ctx, dm_err *err)
{
    int r = dm_ops_token(req, ctx, "worker.get");
    return r != 0 ? (r < 0 ? r : 0) : dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}

int dm_route_node_set(dm_req *req, void *ctx, dm_err *err)
{
    static const char what[] = "worker.drain";
    static const dm_json_field fields[] = {{"status", DM_JSON_STR, 0, DM_JSON_NEED, 1, 32}};
    char *status = NULL;
    int r = dm_ops_token(req, ctx, what);
    if (r == 0)
        r = dm_body_read(req, fields, DM_LEN(fields), &status, err);
    if (r != 0)
        return r < 0 ? r : 0;
    work w = {.set = true, .drain = strcmp(status, "draining") == 0};
    bool known = w.drain || strcmp(status, "ready") == 0;
    dm_json_done(fields, DM_LEN(fields), &status);
    if (!known)
        return dm_fail(err, DM_E_INVALID, "status must be ready or draining");
    return one(req, ctx, what, &w, err);
}
