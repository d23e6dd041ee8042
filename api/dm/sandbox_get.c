/* GET /v1/projects/{slug}/sandboxes/{id}: one of them, ended or not, with what it has spent. */
#include "api/dm/routes.h"
#include "api/dm/sandbox_answer.h"
#include "api/dm/sandbox_filter.h"
#include "api/dm/sandbox_line.h"
#include "api/kit/request.h"
#include "api/life/deny.h"

enum { HOUR_S = 3600 };

typedef struct work {
    const dm_caller *caller;
    dm_sandbox_id id;
    int64_t now_s;
    dm_pg_rows *rows;
    dm_sandbox_one one;
    dm_usage usage;
    dm_read_month month;
    int64_t closed_through;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_owner owner = w->caller->owner;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    int r = dm_sandbox_find(c, owner, &w->id, false, &w->one, err);
    if (r == 0)
        r = dm_lines_of(c, owner, &w->id, 1, &w->rows, err);
    if (r == 0)
        r = dm_read_closed_through(c, &w->closed_through, err);
    if (r == 0)
        r = dm_read_usage(c, owner, &w->id, 1, (w->now_s - HOUR_S) / 60 * 60, w->now_s, &w->usage, err);
    return r != 0 ? r : dm_read_months(c, owner, &w->id, 1, dm_month_of(w->now_s), &w->month, err);
}

static void write_settings(dm_jw *w, const dm_api *api, const dm_sandbox *s)
{
    dm_jw_kc(w, "domain", api->config->domain[0] != '\0' ? api->config->domain : NULL);
    dm_jw_ki64(w, "timeout_s", s->timeout_s);
    dm_jw_kc(w, "on_timeout", s->pause_on_timeout ? "pause" : "kill");
    dm_jw_kbool(w, "auto_resume", s->auto_resume);
    dm_jw_ki64(w, "idle", s->idle_s);
    dm_jw_kbool(w, "secure", s->secure);
    dm_jw_key(w, "allow_internet");
    if (s->allow_internet < 0)
        dm_jw_null(w);
    else
        dm_jw_bool(w, s->allow_internet != 0);
    dm_jw_key(w, "network");
    dm_jw_raw(w, s->network);
}

static int write_one(dm_req *req, const dm_api *api, int status, const work *w, dm_err *err)
{
    dm_sandbox_line l;
    const dm_line_spent spent = {.last_hour = &w->usage, .month = &w->month, .closed_through = w->closed_through};
    int r = dm_line_read(w->rows, 0, &l, err);
    if (r < 0)
        return r;
    dm_jw j = dm_reply_json(&req->reply, status);
    dm_jw_obj(&j);
    dm_write_line_members(&j, &l, &spent);
    write_settings(&j, api, &w->one.s);
    dm_jw_end(&j);
    return 0;
}

int dm_own_id(const dm_req *req, dm_sandbox_id *out, dm_err *err)
{
    return dm_sandbox_param(req->params[1], out, err);
}

int dm_own_answer(dm_api *api, dm_req *req, int status, const char *what, const dm_sandbox_id *id, dm_err *err)
{
    work w = {.caller = &dm_session_of(req)->caller, .id = *id, .now_s = dm_wall_us(api->clock) / 1000000};
    int r = dm_api_tx(api, w.caller, query, &w, err);
    if (r == DM_SANDBOX_NONE)
        r = dm_deny_no_sandbox(req, what, id);
    else if (r == 0)
        r = write_one(req, api, status, &w, err);
    dm_pg_rows_free(w.rows);
    dm_sandbox_one_done(&w.one);
    dm_usage_done(&w.usage);
    return r;
}

static int get_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_sandbox_id id;
    int r = dm_own_id(req, &id, err);
    return r < 0 ? r : dm_own_answer(ctx, req, 200, "sandbox.get", &id, err);
}

int dm_route_own_sandbox(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get_one, err);
}
