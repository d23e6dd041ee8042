/* GET /templates/{id} and /templates/aliases/{alias}. */
#include "base/wire/guest.h"

#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/page.h"
#include "tenants/sandbox/template.h"

enum { NOT_OURS = 2 };

typedef struct work {
    const dm_caller *caller;
    dm_template_name name;
    bool with_builds;
    dm_page page;
    dm_template found;
    dm_pg_rows *row, *builds;
} work;

static void work_done(work *w)
{
    dm_template_done(&w->found);
    dm_pg_rows_free(w->row);
    dm_pg_rows_free(w->builds);
}

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_caller *who = w->caller;
    work_done(w);
    w->row = w->builds = NULL;
    int r = dm_template_find(c, who->owner.project, &w->name, &w->found, err);
    if (r != 0)
        return r;
    if (w->found.owner.v != who->owner.project.v)
        return NOT_OURS;
    if (!w->with_builds)
        return 0;
    r = dm_template_list(c, who->owner, w->found.template_id, 0, (dm_str){NULL, 0}, 1, &w->row, err);
    if (r < 0)
        return r;
    return dm_build_list(c, who->owner, w->found.template_id, w->page.from ? w->page.us : 0,
            w->page.from ? dm_str_c(w->page.id) : (dm_str){NULL, 0}, w->page.limit + 1, &w->builds, err);
}

static int deny(dm_req *req, int outcome)
{
    static const char what[] = "template.get";
    return outcome == NOT_OURS ? dm_deny(req, DM_NO_TEMPLATE_NOT_YOURS, what, "the template belongs to another team")
                               : dm_deny(req, DM_NO_TEMPLATE_UNKNOWN, what, "template not found");
}

static void write_build(dm_jw *w, const dm_build_row *b)
{
    dm_jw_obj(w);
    dm_jw_kstr(w, "buildID", b->build_id);
    dm_jw_kstr(w, "status", b->status);
    dm_write_time(w, "createdAt", b->created_us);
    dm_write_time(w, "updatedAt", b->updated_us);
    if (b->finished_us != 0)
        dm_write_time(w, "finishedAt", b->finished_us);
    dm_jw_ki64(w, "cpuCount", b->vcpus);
    dm_jw_ki64(w, "memoryMB", b->mem_mib);
    dm_jw_ki64(w, "diskSizeMB", b->disk_mib);
    dm_jw_kc(w, "envdVersion", DM_AGENT_VERSION);
    dm_jw_end(w);
}

static int answer(dm_req *req, const work *w, dm_err *err)
{
    dm_template_row t;
    dm_build_row b = {.created_us = 0};
    if (dm_pg_count(w->row) == 0)
        return deny(req, DM_TEMPLATE_NONE);
    dm_template_row_read(w->row, 0, &t);
    size_t n = dm_pg_count(w->builds);
    bool more = n > (size_t)w->page.limit;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&j);
    dm_jw_kstr(&j, "templateID", t.template_id);
    dm_jw_kbool(&j, "public", t.public);
    dm_jw_key(&j, "aliases");
    dm_jw_raw(&j, t.aliases);
    dm_jw_key(&j, "names");
    dm_jw_raw(&j, t.names);
    dm_write_time(&j, "createdAt", t.created_us);
    dm_write_time(&j, "updatedAt", t.updated_us);
    dm_write_time(&j, "lastSpawnedAt", t.last_spawned_us);
    dm_jw_ki64(&j, "spawnCount", t.spawn_count);
    dm_jw_key(&j, "builds");
    dm_jw_arr(&j);
    for (size_t i = 0; i < (more ? (size_t)w->page.limit : n); i++) {
        dm_build_row_read(w->builds, i, &b);
        write_build(&j, &b);
    }
    dm_jw_arr_end(&j);
    dm_jw_end(&j);
    return more ? dm_page_next(req, 'b', b.created_us, b.build_id, err) : 0;
}

int dm_route_template_get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.caller = &dm_session_of(req)->caller, .with_builds = true};
    int r = dm_template_name_parse(req->params[0], &w.name, err);
    if (r == 0)
        r = dm_page_read(req, 'b', &w.page, err);
    if (r == 0)
        r = dm_api_tx(ctx, w.caller, query, &w, err);
    if (r >= 0)
        r = r == 0 ? answer(req, &w, err) : deny(req, r);
    work_done(&w);
    return r;
}

int dm_route_template_alias(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.caller = &dm_session_of(req)->caller};
    int r = dm_template_name_parse(req->params[0], &w.name, err);
    if (r == 0)
        r = dm_api_tx(ctx, w.caller, query, &w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, 200);
        dm_jw_obj(&j);
        dm_jw_kstr(&j, "templateID", w.found.template_id);
        dm_jw_kbool(&j, "public", w.found.public);
        dm_jw_end(&j);
    } else if (r > 0) {
        r = deny(req, r);
    }
    work_done(&w);
    return r;
}
