/* GET /v1/projects/{slug}/denials: what was refused in the last week, newest first. */
#include "api/dm/denial.h"

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "tenants/plan/denials.h"

typedef struct work {
    const dm_caller *caller;
    dm_denials_window window;
    dm_pg_rows *rows;
    dm_pg_total total;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_denials_list(c, w->caller->owner, &w->window, &w->rows, &w->total, err);
}

static int read_time(const dm_req *req, const char *name, int64_t *us, dm_err *err)
{
    dm_str text = dm_req_query(req, name);
    return text.p != NULL && dm_parse_rfc3339(text, us, NULL) < 0
                   ? dm_fail(err, DM_E_INVALID, "%s must be a time as in RFC 3339", name)
                   : 0;
}

/* The key's id where it was a key's request, else null. */
static dm_str key_of(dm_str who)
{
    static const char prefix[] = "key:";
    if (!dm_str_starts(who, DM_STR("key:")))
        return (dm_str){NULL, 0};
    return (dm_str){who.p + sizeof prefix - 1, who.n - (sizeof prefix - 1)};
}

static void write_maybe(dm_jw *w, const char *name, dm_str s)
{
    dm_jw_key(w, name);
    if (s.n > 0)
        dm_jw_str(w, s);
    else
        dm_jw_null(w);
}

void dm_write_denied(dm_jw *w, const dm_denied *d)
{
    dm_jw_obj(w);
    dm_write_time(w, "at", d->at_us);
    dm_write_time(w, "last_at", d->last_us);
    dm_jw_ki64(w, "count", d->count);
    dm_jw_kstr(w, "who", d->who);
    write_maybe(w, "key", key_of(d->who));
    write_maybe(w, "sandbox", d->sandbox);
    dm_jw_key(w, "denial");
    dm_jw_raw(w, d->denial);
    dm_jw_end(w);
}

static int answer(dm_req *req, const work *w, int64_t limit, dm_err *err)
{
    size_t n = dm_pg_count(w->rows);
    bool more = n > (size_t)limit;
    dm_denied d = {.no = 0};
    dm_jw j = dm_rows_begin(req);
    for (size_t i = 0; i < (more ? (size_t)limit : n); i++) {
        dm_denial_row(w->rows, i, &d);
        dm_write_denied(&j, &d);
    }
    const dm_rows_last last = {.more = more, .order = 'r', .us = d.no, .id = DM_STR_INIT("number"), .total = w->total};
    return dm_rows_end(&j, &last, err);
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    dm_page page;
    work w = {.caller = &dm_session_of(req)->caller};
    int r = dm_rows_read(req, 'r', &page, err);
    if (r == 0)
        r = read_time(req, "from", &w.window.from_us, err);
    if (r == 0)
        r = read_time(req, "to", &w.window.to_us, err);
    if (r < 0)
        return r;
    w.window.rule = dm_req_query(req, "rule");
    w.window.before = page.from ? page.us : 0;
    w.window.limit = page.limit + 1;
    r = dm_api_tx(ctx, w.caller, query, &w, err);
    if (r == 0)
        r = answer(req, &w, page.limit, err);
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_route_denial_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
