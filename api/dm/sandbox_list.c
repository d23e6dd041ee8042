/* GET /v1/projects/{slug}/sandboxes: the newest first, those that have ended too. What it can be filtered by has an
 * index (tenants/sandbox/sql_line.c); what a row has spent is read where it is asked for, of a page that is not long.
 */
#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/dm/sandbox_filter.h"
#include "api/dm/sandbox_line.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "api/limits.h"

enum { HOUR_S = 3600 };

typedef struct work {
    const dm_caller *caller;
    dm_own_filter filter;
    bool last_hour, month;
    int64_t now_s;
    dm_lines lines;
    size_t n; /* of lines, those that are shown */
    dm_sandbox_id ids[DM_SPENT_MAX];
    dm_usage usage[DM_SPENT_MAX];
    dm_read_month months[DM_SPENT_MAX];
    int64_t closed_through;
} work;

static void work_done(work *w)
{
    for (size_t i = 0; i < DM_SPENT_MAX; i++)
        dm_usage_done(&w->usage[i]);
    dm_lines_done(&w->lines);
    dm_own_filter_done(&w->filter);
    free(w);
}

/* --- what is asked for -------------------------------------------------------------------------------------- */

static int read_with(const dm_req *req, work *w, dm_err *err)
{
    dm_str with = dm_req_query(req, "with"), one;
    while (dm_str_split(&with, ',', &one)) {
        if (dm_str_eq_c(one, "runs_1h"))
            w->last_hour = true;
        else if (dm_str_eq_c(one, "month"))
            w->month = true;
        else if (one.n > 0)
            return dm_fail(err, DM_E_INVALID, "with must be of runs_1h, month");
    }
    if ((w->last_hour || w->month) && w->filter.f.limit > DM_SPENT_MAX)
        return dm_fail(err, DM_E_INVALID, "with needs a limit of at most %d", DM_SPENT_MAX);
    return 0;
}

static int read_request(const dm_req *req, work *w, dm_err *err)
{
    dm_str sort = dm_req_query(req, "sort");
    dm_page page;
    dm_line_filter *f = &w->filter.f;
    int r = dm_own_filter_query(req, &w->filter, err);
    if (r < 0)
        return r;
    if (sort.p != NULL && !dm_str_eq_c(sort, "-created") && !dm_str_eq_c(sort, "created"))
        return dm_fail(err, DM_E_INVALID, "sort must be -created (the newest first) or created");
    f->ascending = dm_str_eq_c(sort, "created");
    r = dm_rows_read(req, f->ascending ? 'C' : 'c', &page, err);
    if (r < 0)
        return r;
    f->limit = page.limit;
    f->from_cursor = page.from;
    f->cursor_us = page.us;
    if (page.from && dm_sandbox_id_parse(dm_str_c(page.id), &f->cursor_id, NULL) < 0)
        return dm_fail(err, DM_E_INVALID, "cursor is not one of ours: begin again without it");
    return read_with(req, w, err);
}

/* --- what there is ------------------------------------------------------------------------------------------ */

static int read_spent(dm_pg *c, work *w, dm_err *err)
{
    dm_owner owner = w->caller->owner;
    int64_t from = (w->now_s - HOUR_S) / 60 * 60;
    int r = dm_read_closed_through(c, &w->closed_through, err);
    if (r == 0 && w->n > 0 && w->last_hour)
        r = dm_read_usage(c, owner, w->ids, w->n, from, w->now_s, w->usage, err);
    if (r == 0 && w->n > 0 && w->month)
        r = dm_read_months(c, owner, w->ids, w->n, dm_month_of(w->now_s), w->months, err);
    return r;
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    int r = dm_own_filter_find(c, w->caller->owner, &w->filter, &w->lines, err);
    w->n = w->lines.rows != NULL ? dm_pg_count(w->lines.rows) : 0;
    if (w->n > (size_t)w->filter.f.limit)
        w->n = (size_t)w->filter.f.limit;
    if (r < 0 || (!w->last_hour && !w->month))
        return r;
    for (size_t i = 0; r == 0 && i < w->n; i++) {
        dm_sandbox_line l;
        r = dm_line_read(w->lines.rows, i, &l, err);
        w->ids[i] = l.id;
    }
    return r < 0 ? r : read_spent(c, w, err);
}

/* --- the answer --------------------------------------------------------------------------------------------- */

static int write_one(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *w = list;
    dm_sandbox_line l;
    const dm_line_spent spent = {.last_hour = w->last_hour ? &w->usage[i] : NULL,
            .month = w->month ? &w->months[i] : NULL,
            .closed_through = w->closed_through};
    if (dm_line_read(w->lines.rows, i, &l, err) < 0)
        return dm_fail(err, DM_E_INTERNAL, "a row of the list cannot be read");
    dm_write_line(j, &l, &spent);
    const dm_sandbox_name name = dm_sandbox_name_of(&w->lines.next_id);
    at->us = w->lines.next_us;
    return dm_rows_at(at, err, "%s", name.s);
}

static int write_page(dm_req *req, const work *w, dm_err *err)
{
    const dm_rows_kind kind = {.order = w->filter.f.ascending ? 'C' : 'c', .write = write_one};
    return dm_rows_write(req, &kind, w, w->n + (w->lines.more ? 1 : 0), (int64_t)w->n, w->lines.total, err);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    work *w = calloc(1, sizeof *w); /* what a page has spent: too much for this stack */
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "a list");
    w->caller = &dm_session_of(req)->caller;
    w->now_s = dm_wall_us(api->clock) / 1000000;
    int r = read_request(req, w, err);
    if (r == 0)
        r = dm_api_tx(api, w->caller, query, w, err);
    if (r == 0)
        r = write_page(req, w, err);
    work_done(w);
    return r;
}

int dm_route_own_sandboxes(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
