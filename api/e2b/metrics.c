/* GET /sandboxes/{id}/metrics and /sandboxes/metrics. What a sandbox uses now, as its worker saw it in the last second:
 * shown, never billed. No guest is asked for it (base/wire/worker.h), and who asks the same at the same time shares one
 * answer. Who names a start or an end is told what is kept of that time first (metering/read/past.h), also of one that
 * has ended. */
#include "base/parse.h"

#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/life/deny.h"
#include "api/life/look.h"
#include "api/limits.h"

static const int64_t mib = 1 << 20;

static void write_cpu(dm_jw *w, int64_t second, int64_t vcpus, const char *percent)
{
    dm_write_time(w, "timestamp", second * 1000000);
    dm_jw_ki64(w, "timestampUnix", second);
    dm_jw_ki64(w, "cpuCount", vcpus);
    dm_jw_key(w, "cpuUsedPct");
    dm_jw_raw(w, dm_str_c(percent));
}

static void write_metric(dm_jw *w, const dm_sandbox *s, const dm_wk_usage *u)
{
    int64_t vcpus = dm_look_vcpus(s);
    char percent[32];
    dm_look_percent(u, vcpus, percent);
    dm_jw_obj(w);
    write_cpu(w, u->second, vcpus, percent);
    dm_jw_ki64(w, "memUsed", u->mem_used_mib * mib);
    dm_jw_ki64(w, "memTotal", u->mem_total_mib * mib);
    dm_jw_ki64(w, "memCache", u->mem_cache_mib * mib);
    dm_jw_ki64(w, "diskUsed", u->disk_used_mib * mib);
    dm_jw_ki64(w, "diskTotal", u->disk_total_mib * mib);
    dm_jw_end(w);
}

static int usage(
        dm_api *api, const dm_req *req, const dm_sandbox_id *id, dm_sandbox_one *one, dm_wk_usage *u, dm_err *err)
{
    int r = dm_client_waits(req, err);
    return r < 0 ? r : dm_look_usage(api, &dm_session_of(req)->caller, id, one, u, err);
}

static int read_range(const dm_req *req, int64_t *start, int64_t *end, dm_err *err)
{
    dm_str from = dm_req_query(req, "start"), to = dm_req_query(req, "end");
    *start = 0;
    *end = INT64_MAX;
    if (from.p != NULL && dm_parse_i64(from, 0, INT64_MAX, start, err) < 0)
        return dm_wrap(err, "start");
    if (to.p != NULL && dm_parse_i64(to, 0, INT64_MAX, end, err) < 0)
        return dm_wrap(err, "end");
    return *end < *start ? dm_fail(err, DM_E_INVALID, "end is before start") : 0;
}

/* What its guest would have told is not kept: memory is what the host gave it, and caches are in it. */
static void write_past(dm_jw *w, const dm_sandbox *s, const dm_past_point *p)
{
    int64_t vcpus = dm_look_vcpus(s);
    char percent[32];
    dm_look_past_percent(p, vcpus, percent);
    dm_jw_obj(w);
    write_cpu(w, p->at, vcpus, percent);
    dm_jw_ki64(w, "memUsed", p->mem_mib * mib);
    dm_jw_ki64(w, "memTotal", dm_look_mem_mib(s) * mib);
    dm_jw_ki64(w, "memCache", 0);
    dm_jw_ki64(w, "diskUsed", p->disk_mib * mib);
    dm_jw_ki64(w, "diskTotal", s->disk_mib * mib);
    dm_jw_end(w);
}

static bool is_ranged(const dm_req *req)
{
    return dm_req_query(req, "start").p != NULL || dm_req_query(req, "end").p != NULL;
}

static int metrics_of_range(dm_req *req, dm_api *api, const dm_sandbox_id *id, int64_t start, int64_t end, dm_err *err)
{
    int64_t now = dm_second_of(dm_wall_us(api->clock));
    const dm_past_asked asked = {.id = id, .from = start, .to = end < now ? end + 1 : now};
    DM_AUTO(dm_look_past) past = NULL;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    dm_wk_usage u = {0};
    int r = dm_look_past_read(api, &dm_session_of(req)->caller, &asked, &past, err);
    if (r == DM_LOOK_NONE)
        return dm_deny_no_sandbox(req, "sandbox.metrics", id);
    if (r == 0 && end >= now - 1)
        r = usage(api, req, id, &one, &u, err);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_arr(&j);
    for (size_t i = 0; i < past->n; i++)
        write_past(&j, &past->one.s, &past->points[i]);
    if (r == 0 && u.second > 0 && u.second >= start && u.second <= end)
        write_metric(&j, &one.s, &u);
    dm_jw_arr_end(&j);
    return 0;
}

static int metrics_of_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_sandbox_id id;
    dm_wk_usage u = {0};
    int64_t start, end;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_param(req->params[0], &id, err);
    if (r == 0)
        r = read_range(req, &start, &end, err);
    if (r == 0 && is_ranged(req))
        return metrics_of_range(req, ctx, &id, start, end, err);
    if (r == 0)
        r = usage(ctx, req, &id, &one, &u, err);
    if (r == DM_LOOK_NONE)
        r = dm_deny_no_sandbox(req, "sandbox.metrics", &id);
    else if (r >= 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_arr(&j);
        if (r == 0 && u.second >= start && u.second <= end)
            write_metric(&j, &one.s, &u);
        dm_jw_arr_end(&j);
        r = 0;
    }
    return r;
}

/* One of a list. One that is named twice, or is well formed and nobody's, is passed over. */
static int write_one(dm_req *req, dm_api *api, dm_str word, dm_sandbox_id *seen, size_t *n, dm_jw *j, dm_err *err)
{
    dm_wk_usage u = {0};
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_param(word, &seen[*n], err);
    if (r < 0)
        return r == DM_E_NOTFOUND ? 0 : r;
    for (size_t i = 0; i < *n; i++)
        if (dm_sandbox_id_eq(&seen[i], &seen[*n]))
            return 0;
    const dm_sandbox_id *id = &seen[(*n)++];
    r = usage(api, req, id, &one, &u, err);
    if (r == 0) {
        dm_jw_key(j, dm_sandbox_name_of(id).s);
        write_metric(j, &one.s, &u);
    }
    return r < 0 ? r : 0;
}

static int metrics_of_many(dm_req *req, void *ctx, dm_err *err)
{
    dm_str ids = dm_req_query(req, "sandbox_ids"), word;
    dm_sandbox_id seen[DM_IDS_MAX];
    size_t n = 0, nseen = 0;
    int r = 0;
    if (ids.p == NULL)
        return dm_fail(err, DM_E_INVALID, "sandbox_ids is missing");
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_key(&j, "sandboxes");
    dm_jw_obj(&j);
    while (r >= 0 && dm_str_split(&ids, ',', &word)) {
        if (n++ == DM_IDS_MAX)
            return dm_fail(err, DM_E_INVALID, "more than %d sandbox_ids", DM_IDS_MAX);
        r = write_one(req, ctx, word, seen, &nseen, &j, err);
    }
    dm_jw_end(&j);
    dm_jw_end(&j);
    return r < 0 ? r : 0;
}

int dm_route_sandbox_metrics(dm_req *req, void *ctx, dm_err *err)
{
    return dm_fold_ask(((dm_api *)ctx)->fold, dm_at(DM_LATER_READS, req), req, metrics_of_one, ctx, err);
}

int dm_route_sandboxes_metrics(dm_req *req, void *ctx, dm_err *err)
{
    return dm_fold_ask(((dm_api *)ctx)->fold, dm_at(DM_LATER_READS, req), req, metrics_of_many, ctx, err);
}
