/* GET /sandboxes and /v2/sandboxes. */
#include <stdio.h>

#include "base/parse.h"

#include "api/e2b/routes.h"
#include "api/e2b/sandbox.h"
#include "api/kit/answer.h"
#include "api/kit/page.h"
#include "api/kit/request.h"
#include "api/limits.h"
#include "tenants/sandbox/template.h"

/* --- the metadata filter ------------------------------------------------------------------------------------ */

/* Clients encode three times: each key and value, then all as a form, then the form as a parameter. The last was
 * undone with the query. */
static int add_pair(json_t *map, dm_str pair, dm_err *err)
{
    DM_AUTO_BUF name;
    DM_AUTO_BUF value;
    const char *eq = pair.n > 0 ? memchr(pair.p, '=', pair.n) : NULL;
    dm_buf_init(&name, DM_FILTER_BYTES_MAX);
    dm_buf_init(&value, DM_FILTER_BYTES_MAX);
    if (eq == NULL || eq == pair.p)
        return dm_fail(err, DM_E_INVALID, "metadata: a pair has no name or no '='");
    dm_str v = {eq + 1, pair.n - (size_t)(eq - pair.p) - 1};
    if (dm_url_decode(&name, (dm_str){pair.p, (size_t)(eq - pair.p)}, true, NULL) < 0 ||
            dm_url_decode(&value, v, true, NULL) < 0 || dm_buf_c(&value, "") < 0)
        return dm_fail(err, DM_E_INVALID, "metadata: a pair is not well encoded");
    json_t *text = json_stringn(dm_buf_view(&value).p, value.len);
    if (text == NULL || !dm_utf8_ok(dm_buf_view(&name)) || json_object_set_new(map, name.p, text) < 0)
        return dm_fail(err, DM_E_INVALID, "metadata: a pair is not text");
    return 0;
}

static int parse_metadata(dm_str given, json_t *map, dm_err *err)
{
    DM_AUTO_BUF form;
    dm_str rest, pair;
    size_t n = 0;
    dm_buf_init(&form, DM_FILTER_BYTES_MAX);
    if (dm_url_decode(&form, given, true, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "metadata is not well encoded");
    rest = dm_buf_view(&form);
    while (dm_str_split(&rest, '&', &pair)) {
        if (n++ == DM_FILTER_PAIRS_MAX)
            return dm_fail(err, DM_E_INVALID, "metadata: more than %d pairs", DM_FILTER_PAIRS_MAX);
        int r = add_pair(map, pair, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_metadata(const dm_req *req, char **out, dm_err *err)
{
    dm_str given = dm_req_query(req, "metadata");
    if (given.p == NULL || given.n == 0)
        return 0;
    DM_AUTO(json_t) map = json_object();
    if (map == NULL)
        return dm_fail(err, DM_E_NOMEM, "metadata");
    int r = parse_metadata(given, map, err);
    if (r < 0)
        return r;
    *out = json_dumps(map, JSON_COMPACT);
    return *out != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "metadata");
}

/* --- the other filters -------------------------------------------------------------------------------------- */

typedef struct work {
    dm_session *session;
    dm_sandbox_filter f;
    dm_template_name template;
    bool by_template, no_such_template;
    dm_template found;
    dm_page page;
    char *metadata;
    int64_t running;
    dm_pg_rows *rows;
} work;

static void work_done(work *w)
{
    free(w->metadata);
    dm_template_done(&w->found);
    dm_pg_rows_free(w->rows);
}

static int read_states(const dm_req *req, dm_sandbox_filter *f, dm_err *err)
{
    dm_str states = dm_req_query(req, "state"), one;
    if (states.p == NULL || states.n == 0) {
        f->running = f->paused = true;
        return 0;
    }
    while (dm_str_split(&states, ',', &one)) {
        if (dm_str_eq_c(one, "running"))
            f->running = true;
        else if (dm_str_eq_c(one, "paused"))
            f->paused = true;
        else
            return dm_fail(err, DM_E_INVALID, "state must be running or paused");
    }
    return 0;
}

static int read_cursor(const dm_req *req, work *w, dm_err *err)
{
    int r = dm_page_read(req, w->f.ascending ? 'a' : 'd', &w->page, err);
    if (r < 0 || !w->page.from)
        return r;
    w->f.from_cursor = true;
    w->f.cursor_us = w->page.us;
    return dm_sandbox_id_parse(dm_str_c(w->page.id), &w->f.cursor_id, err);
}

static int read_filter(const dm_req *req, work *w, dm_err *err)
{
    dm_str order = dm_req_query(req, "order"), after = dm_req_query(req, "startedAfter"),
           template = dm_req_query(req, "template");
    if (order.p != NULL && !dm_str_eq_c(order, "asc") && !dm_str_eq_c(order, "desc"))
        return dm_fail(err, DM_E_INVALID, "order must be asc or desc");
    w->f.ascending = dm_str_eq_c(order, "asc");
    if (after.p != NULL && dm_parse_rfc3339(after, &w->f.started_after_us, err) < 0)
        return dm_wrap(err, "startedAfter");
    if (template.p != NULL) {
        if (dm_template_name_parse(template, &w->template, err) < 0)
            return dm_wrap(err, "template");
        if (w->template.tagged)
            return dm_fail(err, DM_E_INVALID, "template: give it without a tag");
        w->by_template = true;
    }
    int r = read_states(req, &w->f, err);
    if (r == 0)
        r = read_metadata(req, &w->metadata, err);
    w->f.metadata = dm_str_c(w->metadata);
    return r < 0 ? r : read_cursor(req, w, err);
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_caller *who = &w->session->caller;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    if (w->by_template) {
        int r = dm_template_find(c, who->owner.project, &w->template, &w->found, err);
        if (r < 0)
            return r;
        w->no_such_template = r == DM_TEMPLATE_NONE;
        w->f.template_id = w->found.template_id;
    }
    int r = w->no_such_template ? 0 : dm_sandbox_list(c, who->owner, &w->f, &w->rows, err);
    if (r == 0 && w->f.running && !w->no_such_template)
        r = dm_sandbox_count_running(c, who->owner, &w->f, &w->running, err);
    return r;
}

static int write_rows(dm_req *req, const work *w, size_t n, dm_sandbox *last, dm_err *err)
{
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_arr(&j);
    for (size_t i = 0; i < n; i++) {
        int r = dm_sandbox_read(w->rows, i, last, err);
        if (r < 0)
            return dm_fail(err, DM_E_INTERNAL, "a row of the list cannot be read");
        dm_jw_obj(&j);
        dm_write_listed(&j, last);
        dm_jw_end(&j);
    }
    dm_jw_arr_end(&j);
    return 0;
}

static int list(dm_req *req, dm_api *api, work *w, int64_t limit, dm_err *err)
{
    dm_sandbox last = {.started_us = 0};
    char number[32];
    w->f.limit = limit + 1; /* one more says whether there is another page */
    int r = dm_api_tx(api, &w->session->caller, query, w, err);
    if (r < 0)
        return r;
    size_t n = w->rows != NULL ? dm_pg_count(w->rows) : 0;
    bool more = n > (size_t)limit;
    r = write_rows(req, w, more ? (size_t)limit : n, &last, err);
    if (r == 0 && more)
        r = dm_page_next(
                req, w->f.ascending ? 'a' : 'd', last.started_us, dm_str_c(dm_sandbox_name_of(&last.id).s), err);
    if (r == 0 && w->f.running) {
        (void)snprintf(number, sizeof number, "%lld", (long long)w->running);
        r = dm_reply_header(&req->reply, "X-Total-Running", dm_str_c(number), err);
    }
    return r;
}

static int list_v1(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.session = dm_session_of(req), .f = {.running = true}};
    int r = read_metadata(req, &w.metadata, err);
    w.f.metadata = dm_str_c(w.metadata);
    if (r == 0)
        r = list(req, ctx, &w, DM_LIST_V1_MAX, err);
    work_done(&w);
    return r;
}

static int list_v2(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.session = dm_session_of(req)};
    int r = read_filter(req, &w, err);
    if (r == 0)
        r = list(req, ctx, &w, w.page.limit, err);
    work_done(&w);
    return r;
}

int dm_route_sandbox_list_v1(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_v1, err);
}

int dm_route_sandbox_list_v2(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list_v2, err);
}
