/* GET .../sandboxes/{id}/usage: how it spent its seconds, as far as periods have closed. */
#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/dm/sandbox_answer.h"
#include "api/dm/sandbox_line.h"
#include "api/kit/answer.h"
#include "api/kit/request.h"
#include "api/life/deny.h"

enum { DAY_S = 86400 };

typedef struct work {
    const dm_caller *caller;
    dm_sandbox_id id;
    int64_t from, to;
    dm_sandbox_one one;
    dm_usage usage;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_sandbox_find(c, w->caller->owner, &w->id, false, &w->one, err);
    return r != 0 ? r : dm_read_usage(c, w->caller->owner, &w->id, 1, w->from, w->to, &w->usage, err);
}

static int read_window(const dm_req *req, int64_t now_s, work *w, dm_err *err)
{
    w->to = now_s;
    int r = dm_read_second(req, "to", &w->to, err);
    w->from = w->to - DAY_S;
    if (r == 0)
        r = dm_read_second(req, "from", &w->from, err);
    if (r < 0)
        return r;
    w->from = w->from / 60 * 60; /* whole minutes, as the disk is measured */
    if (w->from < 0 || w->to < w->from || w->to - w->from > DM_USAGE_SECONDS_MAX)
        return dm_fail(err, DM_E_INVALID, "to is at most %d seconds after from", DM_USAGE_SECONDS_MAX);
    return 0;
}

static void write_gaps(dm_jw *j, const dm_usage *u)
{
    int64_t n = u->closed_through - u->from;
    dm_jw_key(j, "gaps");
    dm_jw_arr(j);
    for (int64_t i = 0, k; i < n; i = k) {
        for (k = i + 1; k < n && u->seconds[k] == u->seconds[i]; k++)
            continue;
        if (u->seconds[i] != DM_SPENT_GAP)
            continue;
        dm_jw_obj(j);
        dm_write_second(j, "from", u->from + i);
        dm_write_second(j, "to", u->from + k);
        dm_jw_end(j);
    }
    dm_jw_arr_end(j);
}

static void write_usage(dm_req *req, const work *w)
{
    const dm_usage *u = &w->usage;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_write_second(&j, "from", w->from);
    dm_write_second(&j, "to", w->to);
    dm_write_second(&j, "closed_through", u->closed_through > u->from ? u->closed_through : 0);
    dm_jw_key(&j, "runs");
    dm_write_runs(&j, u);
    dm_jw_key(&j, "disk_16mib");
    dm_jw_arr(&j);
    for (size_t i = 0; i < u->minutes; i++) {
        if (u->disk_16mib[i] < 0)
            dm_jw_null(&j);
        else
            dm_jw_i64(&j, u->disk_16mib[i]);
    }
    dm_jw_arr_end(&j);
    write_gaps(&j, u);
    dm_jw_end(&j);
}

static int usage(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    work w = {.caller = &dm_session_of(req)->caller};
    int r = dm_own_id(req, &w.id, err);
    if (r == 0)
        r = read_window(req, dm_wall_us(api->clock) / 1000000, &w, err);
    if (r == 0)
        r = dm_api_tx(api, w.caller, query, &w, err);
    if (r == DM_SANDBOX_NONE)
        r = dm_deny_no_sandbox(req, "sandbox.usage", &w.id);
    else if (r == 0)
        write_usage(req, &w);
    dm_sandbox_one_done(&w.one);
    dm_usage_done(&w.usage);
    return r;
}

int dm_route_own_usage(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, usage, err);
}
