/* GET /v1/projects/{slug}/denials: what was refused in the last week, newest first. */
#include "api/dm/denial.h"

#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "tenants/plan/denials.h"

typedef struct work {
    dm_rows_db db;
    dm_owner owner;
    dm_denials_window window;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    w->window.before = w->db.page.from ? w->db.page.us : 0;
    w->window.limit = w->db.page.limit + 1;
    return dm_denials_list(c, w->owner, &w->window, &w->db.rows, &w->db.total, err);
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

static int write_one(dm_jw *w, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *l = list;
    dm_denied d;
    (void)err;
    dm_denial_row(l->db.rows, i, &d);
    dm_write_denied(w, &d);
    at->us = d.no;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'r', .id = "number", .query = query, .write = write_one};
    const dm_caller *caller = &dm_session_of(req)->caller;
    work w = {.owner = caller->owner, .window = {.rule = dm_req_query(req, "rule")}};
    int r = read_time(req, "from", &w.window.from_us, err);
    if (r == 0)
        r = read_time(req, "to", &w.window.to_us, err);
    return r < 0 ? r : dm_rows_own(req, ctx, caller, &kind, &w, err);
}

int dm_route_denial_list(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}
