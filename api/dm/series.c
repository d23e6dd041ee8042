/* GET /v1/projects/{slug}/series: how the project went, in columns: the last hour by the minute, or the last month by
 * the hour. */
#include "tenants/sandbox/series.h"

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/api.h"

typedef struct work {
    const dm_caller *caller;
    int64_t step_s;
    size_t most, n;
    dm_series_point points[DM_SERIES_MAX];
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_series_read(c, w->caller->owner, w->step_s, w->most, w->points, &w->n, err);
}

static int read_request(const dm_req *req, work *w, dm_err *err)
{
    dm_str step = dm_req_query(req, "step"), most = dm_req_query(req, "points");
    int64_t n;
    if (step.p != NULL && !dm_str_eq_c(step, "minute") && !dm_str_eq_c(step, "hour"))
        return dm_fail(err, DM_E_INVALID, "step must be minute or hour");
    bool hour = dm_str_eq_c(step, "hour");
    int64_t all = hour ? DM_SERIES_HOURS : DM_SERIES_MINUTES;
    w->step_s = hour ? DM_SERIES_HOUR_S : DM_SERIES_MINUTE_S;
    n = hour ? 30 * 24 : 60;
    if (most.p != NULL && dm_parse_i64(most, 1, all, &n, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "points must be 1 to %lld", (long long)all);
    w->most = (size_t)n;
    return 0;
}

static int64_t created(const dm_series_point *p)
{
    return p->created;
}

static int64_t failed(const dm_series_point *p)
{
    return p->failed;
}

static int64_t refused(const dm_series_point *p)
{
    return p->refused;
}

/* -1: nobody looked. */
static int64_t running(const dm_series_point *p)
{
    return p->looked ? p->running : -1;
}

static void write_column(dm_jw *j, const work *w, const char *name, int64_t (*of)(const dm_series_point *p))
{
    dm_jw_key(j, name);
    dm_jw_arr(j);
    for (size_t i = 0; i < w->n; i++) {
        int64_t v = of(&w->points[i]);
        if (v >= 0)
            dm_jw_i64(j, v);
        else
            dm_jw_null(j);
    }
    dm_jw_arr_end(j);
}

static void answer(dm_req *req, const work *w)
{
    int64_t through = w->n > 0 ? w->points[w->n - 1].at_s + w->step_s : 0;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_ki64(&j, "step_s", w->step_s);
    dm_jw_ktime(&j, "through", through * 1000000);
    dm_jw_key(&j, "at");
    dm_jw_arr(&j);
    for (size_t i = 0; i < w->n; i++)
        dm_jw_i64(&j, w->points[i].at_s);
    dm_jw_arr_end(&j);
    write_column(&j, w, "created", created);
    write_column(&j, w, "failed", failed);
    write_column(&j, w, "refused", refused);
    write_column(&j, w, "running", running);
    dm_jw_end(&j);
}

static int series(dm_req *req, void *ctx, dm_err *err)
{
    work *w = calloc(1, sizeof *w); /* a month of points: too much for this stack */
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "a series");
    w->caller = &dm_session_of(req)->caller;
    int r = read_request(req, w, err);
    if (r == 0)
        r = dm_api_tx(ctx, w->caller, query, w, err);
    if (r == 0)
        answer(req, w);
    free(w);
    return r;
}

int dm_route_own_series(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, series, err);
}
