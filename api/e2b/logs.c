/* GET /sandboxes/{id}/logs and /v2/sandboxes/{id}/logs: what the sandbox went through, from its events. */
#include <stdio.h>

#include "base/parse.h"

#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/request.h"
#include "api/life/deny.h"
#include "api/life/look.h"
#include "api/limits.h"

enum { LINE_MAX_ = 4096 };

/* What is asked for: v1 has it oldest first, and the newest of it where it does not say from when on; v2 as it says. */
typedef struct window {
    dm_sandbox_window of;
    bool turned; /* read newest first, to be told oldest first */
    char causes[DM_LOOK_CAUSES];
} window;

typedef struct work {
    const dm_caller *caller;
    const dm_sandbox_id *id;
    const window *win;
    dm_sandbox_one one;
    dm_pg_rows *rows;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    int r = dm_sandbox_find(c, w->caller->owner, w->id, false, &w->one, err);
    return r != 0 ? r : dm_sandbox_history(c, w->caller->owner, w->id, &w->win->of, &w->rows, err);
}

typedef struct line {
    int64_t us;
    const char *level;
    char message[256];
    dm_str from, to, cause, who;
    int64_t epoch;
} line;

static void read_line(const dm_pg_rows *rows, size_t i, line *out)
{
    dm_str why = dm_pg_str(rows, i, 5);
    *out = (line){.us = dm_pg_i64(rows, i, 0),
            .epoch = dm_pg_i64(rows, i, 1),
            .from = dm_pg_str(rows, i, 2),
            .to = dm_pg_str(rows, i, 3),
            .cause = dm_pg_str(rows, i, 4),
            .who = dm_pg_str(rows, i, 6)};
    out->level = dm_look_level(out->cause);
    (void)snprintf(out->message, sizeof out->message, "%.*s: %.*s", (int)out->to.n, out->to.p, (int)why.n, why.p);
}

static void write_fields(dm_jw *w, const line *l)
{
    dm_jw_kstr(w, "state", l->to);
    if (l->cause.n > 0)
        dm_jw_kstr(w, "cause", l->cause);
    dm_jw_kstr(w, "who", l->who);
}

static void write_entry(dm_jw *w, const line *l)
{
    char epoch[32];
    (void)snprintf(epoch, sizeof epoch, "%lld", (long long)l->epoch);
    dm_jw_obj(w);
    dm_write_time(w, "timestamp", l->us);
    dm_jw_kc(w, "level", l->level);
    dm_jw_kc(w, "message", l->message);
    dm_jw_key(w, "fields");
    dm_jw_obj(w);
    dm_jw_kc(w, "logger", "lifecycle");
    dm_jw_kc(w, "epoch", epoch);
    write_fields(w, l);
    dm_jw_end(w);
    dm_jw_end(w);
}

/* The CLI reads each line as JSON and wants a level in it. */
static int write_line(dm_jw *w, const line *l, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_jw j;
    dm_buf_init(&text, LINE_MAX_);
    dm_jw_init(&j, &text);
    dm_jw_obj(&j);
    dm_write_time(&j, "timestamp", l->us);
    dm_jw_kc(&j, "level", l->level);
    dm_jw_kc(&j, "logger", "lifecycle");
    dm_jw_kc(&j, "message", l->message);
    dm_jw_ki64(&j, "epoch", l->epoch);
    write_fields(&j, l);
    dm_jw_end(&j);
    int r = dm_buf_ok(&text, err);
    if (r < 0)
        return r;
    dm_jw_obj(w);
    dm_write_time(w, "timestamp", l->us);
    dm_jw_kstr(w, "line", dm_buf_view(&text));
    dm_jw_end(w);
    return 0;
}

/* --- which ones --------------------------------------------------------------------------------------------- */

static int read_number(const dm_req *req, const char *name, int64_t max, int64_t *out, dm_err *err)
{
    dm_str s = dm_req_query(req, name);
    if (s.p == NULL)
        return 0;
    int r = dm_parse_i64(s, 0, max, out, err);
    return r < 0 ? dm_wrap(err, "%s", name) : 0;
}

static int read_window(const dm_req *req, bool v2, window *w, dm_err *err)
{
    dm_str direction = dm_req_query(req, "direction");
    int64_t at_ms = -1, limit = DM_LOG_LINES_MAX;
    *w = (window){.of = {.search = dm_req_query(req, "search")}};
    int r = read_number(req, v2 ? "cursor" : "start", INT64_MAX / 2000, &at_ms, err);
    if (r == 0)
        r = read_number(req, "limit", v2 ? DM_LOG_LINES_MAX : INT32_MAX, &limit, err);
    if (r < 0)
        return r;
    if (direction.p != NULL && !dm_str_eq_c(direction, "forward") && !dm_str_eq_c(direction, "backward"))
        return dm_fail(err, DM_E_INVALID, "direction must be forward or backward");
    if (w->of.search.n > DM_SEARCH_MAX)
        return dm_fail(err, DM_E_INVALID, "search has more than %d bytes", DM_SEARCH_MAX);
    w->of.limit = limit < DM_LOG_LINES_MAX ? limit : DM_LOG_LINES_MAX;
    w->of.newest_first = v2 ? !dm_str_eq_c(direction, "forward") : at_ms < 0;
    w->turned = !v2 && w->of.newest_first;
    if (at_ms >= 0 && w->of.newest_first)
        w->of.to_us = at_ms * 1000 + 999;
    else if (at_ms >= 0)
        w->of.from_us = at_ms * 1000;
    return dm_look_causes(dm_req_query(req, "level"), w->causes, &w->of.causes, err);
}

static int write_all(dm_req *req, const dm_pg_rows *rows, const window *win, bool v2, dm_err *err)
{
    size_t n = dm_pg_count(rows);
    int r = 0;
    line l;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_key(&w, v2 ? "logs" : "logEntries");
    dm_jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        read_line(rows, win->turned ? n - 1 - i : i, &l);
        write_entry(&w, &l);
    }
    dm_jw_arr_end(&w);
    if (!v2) {
        dm_jw_key(&w, "logs");
        dm_jw_arr(&w);
        for (size_t i = 0; r == 0 && i < n; i++) {
            read_line(rows, win->turned ? n - 1 - i : i, &l);
            r = write_line(&w, &l, err);
        }
        dm_jw_arr_end(&w);
    }
    dm_jw_end(&w);
    return r;
}

static int logs(dm_req *req, dm_api *api, bool v2, dm_err *err)
{
    dm_sandbox_id id;
    window win;
    work w = {.caller = &dm_session_of(req)->caller, .id = &id, .win = &win};
    int r = dm_sandbox_param(req->params[0], &id, err);
    if (r == 0)
        r = read_window(req, v2, &win, err);
    if (r == 0)
        r = dm_api_tx(api, w.caller, query, &w, err);
    if (r == DM_SANDBOX_NONE)
        r = dm_deny_no_sandbox(req, "sandbox.logs", &id);
    else if (r == 0)
        r = write_all(req, w.rows, &win, v2, err);
    dm_pg_rows_free(w.rows);
    dm_sandbox_one_done(&w.one);
    return r;
}

static int logs_v1(dm_req *req, void *ctx, dm_err *err)
{
    return logs(req, ctx, false, err);
}

static int logs_v2(dm_req *req, void *ctx, dm_err *err)
{
    return logs(req, ctx, true, err);
}

int dm_route_sandbox_logs_v1(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, logs_v1, err);
}

int dm_route_sandbox_logs_v2(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, logs_v2, err);
}
