/* GET /teams/{id}/metrics and /metrics/max: how many of a project's sandboxes ran at once, and how many a second were
 * started. */
#include <stdio.h>

#include "base/parse.h"

#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "tenants/sandbox/history.h"

enum { WEEK_S = 7 * 86400, BACK_S = 31 * 86400, STEP_LEAST_S = 5 };

typedef struct work {
    const dm_caller *caller;
    dm_history h;
    dm_history_point points[DM_HISTORY_POINTS_MAX];
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_history_read(c, w->caller->owner, &w->h, w->points, err);
}

static int read_second(const dm_req *req, const char *name, int64_t def, int64_t *out, dm_err *err)
{
    dm_str text = dm_req_query(req, name);
    *out = def;
    if (text.p == NULL || dm_parse_i64(text, 0, INT64_MAX / 1000000 / 2, out, NULL) == 0)
        return 0;
    return dm_fail(err, DM_E_INVALID, "%s must be seconds of Unix time", name);
}

static int read_range(const dm_req *req, int64_t now_s, dm_history *h, dm_err *err)
{
    int64_t start, end;
    int r = read_second(req, "end", now_s, &end, err);
    if (r == 0)
        r = read_second(req, "start", end - WEEK_S, &start, err);
    if (r < 0)
        return r;
    if (end <= start)
        return dm_fail(err, DM_E_INVALID, "end must be after start");
    if (start < now_s - BACK_S || end > now_s + 86400)
        return dm_fail(err, DM_E_INVALID, "start must be within the last 31 days, and end not in the future");
    h->start_s = start;
    h->step_s = (end - start + DM_HISTORY_POINTS_MAX - 1) / DM_HISTORY_POINTS_MAX;
    if (h->step_s < STEP_LEAST_S)
        h->step_s = STEP_LEAST_S;
    h->points = (end - start + h->step_s - 1) / h->step_s;
    return 0;
}

static void write_when(dm_jw *w, int64_t at_s)
{
    dm_write_time(w, "timestamp", at_s * 1000000);
    dm_jw_ki64(w, "timestampUnix", at_s);
}

/* Starts a second, to the millionth. */
static void write_rate(dm_jw *w, const char *name, int64_t started, int64_t step_s)
{
    char text[48];
    int64_t millionths = started * 1000000 / step_s;
    (void)snprintf(
            text, sizeof text, "%lld.%06lld", (long long)(millionths / 1000000), (long long)(millionths % 1000000));
    dm_jw_key(w, name);
    dm_jw_raw(w, dm_str_c(text));
}

static void write_all(dm_req *req, const work *w)
{
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_arr(&j);
    for (int64_t i = 0; i < w->h.points; i++) {
        dm_jw_obj(&j);
        write_when(&j, w->h.start_s + i * w->h.step_s);
        dm_jw_ki64(&j, "concurrentSandboxes", w->points[i].running);
        write_rate(&j, "sandboxStartRate", w->points[i].started, w->h.step_s);
        dm_jw_end(&j);
    }
    dm_jw_arr_end(&j);
}

static void write_most(dm_req *req, const work *w, bool rate)
{
    int64_t at = 0;
    for (int64_t i = 1; i < w->h.points; i++) {
        const dm_history_point *p = &w->points[i], *most = &w->points[at];
        if (rate ? p->started > most->started : p->running > most->running)
            at = i;
    }
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    write_when(&j, w->h.start_s + at * w->h.step_s);
    if (rate)
        write_rate(&j, "value", w->points[at].started, w->h.step_s);
    else
        dm_jw_ki64(&j, "value", w->points[at].running);
    dm_jw_end(&j);
}

typedef enum shown { ALL, MOST_RUNNING, MOST_STARTED } shown;

static int answer(dm_req *req, dm_api *api, shown what, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    if (!dm_is_project(caller, req->params[0]))
        return dm_fail(err, DM_E_DENIED, "the team is not the key's own");
    work *w = calloc(1, sizeof *w); /* a page of points: too much for this stack */
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "metrics");
    w->caller = caller;
    int r = read_range(req, dm_second_of(dm_wall_us(api->clock)), &w->h, err);
    if (r == 0)
        r = dm_api_tx(api, caller, query, w, err);
    if (r == 0 && what == ALL)
        write_all(req, w);
    else if (r == 0)
        write_most(req, w, what == MOST_STARTED);
    free(w);
    return r;
}

static int metrics(dm_req *req, void *ctx, dm_err *err)
{
    return answer(req, ctx, ALL, err);
}

static int most(dm_req *req, void *ctx, dm_err *err)
{
    dm_str metric = dm_req_query(req, "metric");
    if (dm_str_eq_c(metric, "concurrent_sandboxes"))
        return answer(req, ctx, MOST_RUNNING, err);
    if (dm_str_eq_c(metric, "sandbox_start_rate"))
        return answer(req, ctx, MOST_STARTED, err);
    return dm_fail(err, DM_E_INVALID, "metric must be concurrent_sandboxes or sandbox_start_rate");
}

int dm_route_team_metrics(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, metrics, err);
}

int dm_route_team_metrics_max(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, most, err);
}
