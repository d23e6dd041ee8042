/* GET .../sandboxes/{id}/metrics: what it uses now, or used a while ago; and /projects/{slug}/metrics: what all of the
 * project's used together. Shown, never billed. */
#include "api/dm/routes.h"
#include "api/dm/sandbox_answer.h"
#include "api/dm/sandbox_line.h"
#include "api/kit/answer.h"
#include "api/kit/request.h"
#include "api/life/deny.h"
#include "api/life/look.h"

enum { HOUR_S = 3600 };
static const int64_t mib = 1 << 20, kib = 1 << 10;

/* --- a while ago -------------------------------------------------------------------------------------------- */

static int read_range(const dm_req *req, const dm_api *api, dm_past_asked *out, dm_err *err)
{
    out->to = dm_second_of(dm_wall_us(api->clock));
    int r = dm_read_second(req, "to", &out->to, err);
    out->from = out->to > HOUR_S ? out->to - HOUR_S : 0;
    if (r == 0)
        r = dm_read_second(req, "from", &out->from, err);
    if (r == 0 && out->from >= out->to)
        r = dm_fail(err, DM_E_INVALID, "from must lie before to");
    return r;
}

static bool is_ranged(const dm_req *req)
{
    return dm_req_query(req, "from").p != NULL || dm_req_query(req, "to").p != NULL;
}

/* Of a project there is no share of anything: s is NULL. */
static void write_point(dm_jw *j, const dm_past_point *p, const dm_sandbox *s)
{
    char percent[32];
    dm_jw_obj(j);
    dm_write_second(j, "at", p->at);
    dm_jw_ki64(j, "running_s", p->run_s);
    dm_jw_ki64(j, "cpu_ms", p->cpu_cs * 10);
    if (s != NULL) {
        dm_look_past_percent(p, dm_look_vcpus(s), percent);
        dm_jw_key(j, "cpu_pct");
        dm_jw_raw(j, dm_str_c(percent));
    }
    dm_jw_ki64(j, "mem_own", p->mem_mib * mib);
    dm_jw_ki64(j, "mem_shared", p->shared_mib * mib);
    dm_jw_ki64(j, "disk_used", p->disk_mib * mib);
    dm_jw_ki64(j, "net_in", p->net_in_kib * kib);
    dm_jw_ki64(j, "net_out", p->net_out_kib * kib);
    dm_jw_end(j);
}

static void write_points(dm_jw *j, const dm_look_past *past, const dm_sandbox *s)
{
    dm_jw_obj(j);
    dm_jw_ki64(j, "step_s", past->step_s);
    dm_jw_key(j, "points");
    dm_jw_arr(j);
    for (size_t i = 0; i < past->n; i++)
        write_point(j, &past->points[i], s);
    dm_jw_arr_end(j);
    dm_jw_end(j);
}

static int past_of_one(dm_req *req, dm_api *api, const dm_sandbox_id *id, dm_err *err)
{
    dm_past_asked asked = {.id = id};
    DM_AUTO(dm_look_past) past = NULL;
    int r = read_range(req, api, &asked, err);
    if (r == 0)
        r = dm_look_past_read(api, &dm_session_of(req)->caller, &asked, &past, err);
    if (r == DM_LOOK_NONE)
        return dm_deny_no_sandbox(req, "sandbox.metrics", id);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_key(&j, "past");
    write_points(&j, past, &past->one.s);
    dm_jw_end(&j);
    return 0;
}

static int project_metrics(dm_req *req, void *ctx, dm_err *err)
{
    dm_past_asked asked = {.id = NULL};
    DM_AUTO(dm_look_past) past = NULL;
    int r = read_range(req, ctx, &asked, err);
    if (r == 0)
        r = dm_look_past_read(ctx, &dm_session_of(req)->caller, &asked, &past, err);
    if (r != 0)
        return r < 0 ? r : dm_fail(err, DM_E_INTERNAL, "a project has no row to miss");
    dm_jw j = dm_reply_json(&req->reply, 200);
    write_points(&j, past, NULL);
    return 0;
}

int dm_route_own_project_metrics(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, project_metrics, err);
}

/* --- now ---------------------------------------------------------------------------------------------------- */

static void write_now(dm_jw *j, const dm_sandbox *s, const dm_wk_usage *u)
{
    int64_t vcpus = dm_look_vcpus(s);
    char percent[32];
    dm_look_percent(u, vcpus, percent);
    dm_jw_obj(j);
    dm_write_second(j, "at", u->second);
    dm_jw_ki64(j, "vcpus", vcpus);
    dm_jw_key(j, "cpu_pct");
    dm_jw_raw(j, dm_str_c(percent));
    dm_jw_ki64(j, "mem_used", u->mem_used_mib * mib);
    dm_jw_ki64(j, "mem_total", u->mem_total_mib * mib);
    dm_jw_ki64(j, "mem_cache", u->mem_cache_mib * mib);
    dm_jw_ki64(j, "disk_used", u->disk_used_mib * mib);
    dm_jw_ki64(j, "disk_total", u->disk_total_mib * mib);
    dm_jw_end(j);
}

static int metrics(dm_req *req, void *ctx, dm_err *err)
{
    dm_sandbox_id id;
    dm_wk_usage u = {0};
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_own_id(req, &id, err);
    if (r == 0 && is_ranged(req))
        return past_of_one(req, ctx, &id, err);
    if (r == 0)
        r = dm_client_waits(req, err);
    if (r == 0)
        r = dm_look_usage(ctx, &dm_session_of(req)->caller, &id, &one, &u, err);
    if (r == DM_LOOK_NONE)
        return dm_deny_no_sandbox(req, "sandbox.metrics", &id);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_key(&j, "now");
    if (r == 0)
        write_now(&j, &one.s, &u);
    else
        dm_jw_null(&j);
    dm_jw_end(&j);
    return 0;
}

int dm_route_own_metrics(dm_req *req, void *ctx, dm_err *err)
{
    return dm_fold_ask(((dm_api *)ctx)->fold, dm_at(DM_LATER_READS, req), req, metrics, ctx, err);
}
