/* GET /v1/projects/{slug}/templates and /templates/{id}: what the project may make sandboxes of, and what it made. */
#include "tenants/sandbox/template.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/rows.h"
#include "tenants/sandbox/usable.h"

typedef struct work {
    dm_rows_db db; /* templates; of one of them its builds */
    const dm_caller *caller;
    dm_template_name name; /* of one */
    dm_pg_rows *one;
} work;

/* --- shapes ------------------------------------------------------------------------------------------------- */

static void write_size(dm_jw *w, int64_t vcpus, int64_t mem_mib, int64_t disk_mib)
{
    dm_jw_key(w, "spec");
    dm_jw_obj(w);
    dm_jw_ki64(w, "vcpus", vcpus);
    dm_jw_ki64(w, "memory_mib", mem_mib);
    dm_jw_ki64(w, "disk_mib", disk_mib);
    dm_jw_end(w);
}

static void write_raw(dm_jw *w, const char *name, dm_str json)
{
    dm_jw_key(w, name);
    dm_jw_raw(w, json);
}

static void write_current(dm_jw *w, const dm_usable *t)
{
    dm_jw_key(w, "build");
    if (t->build_id.p == NULL) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_jw_kstr(w, "id", t->build_id);
    dm_jw_kstr(w, "status", t->status);
    write_size(w, t->vcpus, t->mem_mib, t->disk_mib);
    dm_jw_end(w);
}

static void write_members(dm_jw *w, const dm_usable *t)
{
    bool least = t->started > DM_USABLE_COUNTED;
    dm_jw_kstr(w, "id", t->template_id);
    write_raw(w, "aliases", t->aliases);
    write_raw(w, "names", t->names);
    dm_jw_kbool(w, "own", t->own);
    dm_jw_kbool(w, "public", t->public);
    dm_jw_ktime(w, "created_at", t->created_us);
    dm_jw_ktime(w, "updated_at", t->updated_us);
    write_current(w, t);
    dm_jw_ki64(w, "build_count", t->builds);
    dm_jw_key(w, "spawns");
    dm_jw_obj(w);
    dm_jw_ki64(w, "started", least ? DM_USABLE_COUNTED : t->started);
    dm_jw_kbool(w, "started_is_least", least);
    dm_jw_ki64(w, "running", t->running);
    dm_jw_ktime(w, "last_at", t->used_us);
    dm_jw_end(w);
}

static void write_build(dm_jw *w, const dm_usable_build *b)
{
    dm_jw_obj(w);
    dm_jw_kstr(w, "id", b->build_id);
    dm_jw_kstr(w, "status", b->status);
    write_raw(w, "tags", b->tags);
    write_size(w, b->vcpus, b->mem_mib, b->disk_mib);
    dm_jw_ktime(w, "created_at", b->created_us);
    dm_jw_ktime(w, "finished_at", b->finished_us);
    dm_jw_end(w);
}

/* --- the list ----------------------------------------------------------------------------------------------- */

/* The total stands on each row: a page without one, past the last, does not know it. */
static dm_pg_total total_of(int64_t n)
{
    return (dm_pg_total){.n = n < DM_PG_TOTAL_MAX ? n : DM_PG_TOTAL_MAX, .at_least = n > DM_PG_TOTAL_MAX};
}

static int query_list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_page *page = &w->db.page;
    dm_usable t = {.total = 0};
    int r = dm_usable_list(c, w->caller->owner, (dm_str){NULL, 0}, page->from ? page->us : 0,
            page->from ? dm_str_c(page->id) : (dm_str){NULL, 0}, page->limit + 1, &w->db.rows, err);
    if (r < 0)
        return r;
    bool some = dm_pg_count(w->db.rows) > 0;
    if (some)
        dm_usable_read(w->db.rows, 0, &t);
    w->db.total = total_of(t.total);
    w->db.total.at_least |= !some && page->from;
    return 0;
}

static int write_template(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *w = list;
    dm_usable t;
    (void)err;
    dm_usable_read(w->db.rows, i, &t);
    dm_jw_obj(j);
    write_members(j, &t);
    dm_jw_end(j);
    at->us = t.created_us;
    at->id = t.template_id;
    return 0;
}

static int list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'u', .query = query_list, .write = write_template};
    work w = {.caller = &dm_session_of(req)->caller};
    return dm_rows_own(req, ctx, w.caller, &kind, &w, err);
}

int dm_route_own_templates(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, list, err);
}

/* --- one of them -------------------------------------------------------------------------------------------- */

static int query_one(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_page *page = &w->db.page;
    DM_AUTO_TEMPLATE found = {.rows = NULL};
    dm_pg_rows_free(w->one);
    w->one = NULL;
    int r = dm_template_find(c, w->caller->owner.project, &w->name, &found, err);
    if (r != 0)
        return r;
    r = dm_usable_list(c, w->caller->owner, found.template_id, 0, (dm_str){NULL, 0}, 1, &w->one, err);
    if (r == 0 && dm_pg_count(w->one) == 0) /* another's, and private */
        return DM_TEMPLATE_NONE;
    if (r == 0)
        r = dm_usable_builds(c, found.template_id, page->from ? page->us : 0,
                page->from ? dm_str_c(page->id) : (dm_str){NULL, 0}, page->limit + 1, &w->db.rows, err);
    if (r == 0) {
        dm_usable t;
        dm_usable_read(w->one, 0, &t);
        w->db.total = total_of(t.builds);
    }
    return r;
}

/* A list of its builds, which begins with what it is. */
static void write_head(dm_jw *j, const void *list)
{
    const work *w = list;
    dm_usable t;
    dm_usable_read(w->one, 0, &t);
    write_members(j, &t);
}

static int write_of_it(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *w = list;
    dm_usable_build b;
    (void)err;
    dm_usable_build_read(w->db.rows, i, &b);
    write_build(j, &b);
    at->us = b.created_us;
    at->id = b.build_id;
    return 0;
}

static int get(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'v', .query = query_one, .head = write_head, .write = write_of_it};
    work w = {.caller = &dm_session_of(req)->caller};
    int r = dm_template_name_parse(req->params[1], &w.name, NULL) < 0 ? DM_TEMPLATE_NONE
                                                                      : dm_rows_own(req, ctx, w.caller, &kind, &w, err);
    if (r == DM_TEMPLATE_NONE)
        r = dm_deny(req, DM_NO_TEMPLATE_UNKNOWN, "template.get", "template not found");
    dm_pg_rows_free(w.one);
    return r;
}

int dm_route_own_template(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, get, err);
}
