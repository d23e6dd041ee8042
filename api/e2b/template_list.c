/* GET /templates and /v2/templates. */
#include "base/wire/guest.h"

#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/page.h"
#include "tenants/sandbox/template.h"

typedef struct work {
    const dm_caller *caller;
    dm_page page;
    int64_t limit;
    dm_pg_rows *rows;
} work;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    dm_pg_rows_free(w->rows);
    w->rows = NULL;
    return dm_template_list(c, w->caller->owner, (dm_str){NULL, 0}, w->page.from ? w->page.us : 0, dm_str_c(w->page.id),
            w->limit + 1, &w->rows, err);
}

static void write_template(dm_jw *w, const dm_template_row *t)
{
    dm_jw_obj(w);
    dm_jw_kstr(w, "templateID", t->template_id);
    dm_jw_kstr(w, "buildID", t->build_id);
    dm_jw_ki64(w, "cpuCount", t->vcpus);
    dm_jw_ki64(w, "memoryMB", t->mem_mib);
    dm_jw_ki64(w, "diskSizeMB", t->disk_mib);
    dm_jw_kbool(w, "public", t->public);
    dm_jw_key(w, "aliases");
    dm_jw_raw(w, t->aliases);
    dm_jw_key(w, "names");
    dm_jw_raw(w, t->names);
    dm_write_time(w, "createdAt", t->created_us);
    dm_write_time(w, "updatedAt", t->updated_us);
    dm_jw_kc(w, "createdBy", NULL);
    dm_write_time(w, "lastSpawnedAt", t->last_spawned_us);
    dm_jw_ki64(w, "spawnCount", t->spawn_count);
    dm_jw_ki64(w, "buildCount", t->build_count);
    dm_jw_kc(w, "envdVersion", DM_AGENT_VERSION);
    dm_jw_kstr(w, "buildStatus", t->status);
    dm_jw_end(w);
}

static int list(dm_req *req, dm_api *api, work *w, dm_err *err)
{
    dm_template_row t = {.created_us = 0};
    dm_str team = dm_req_query(req, "teamID");
    if (team.p != NULL && !dm_str_eq_c(team, w->caller->project_id))
        return dm_fail(err, DM_E_INVALID, "teamID is not the key's own");
    int r = dm_api_tx(api, w->caller, query, w, err);
    if (r < 0)
        return r;
    size_t n = dm_pg_count(w->rows);
    bool more = n > (size_t)w->limit;
    dm_jw j = dm_reply_json(&req->reply, 200);
    dm_jw_arr(&j);
    for (size_t i = 0; i < (more ? (size_t)w->limit : n); i++) {
        dm_template_row_read(w->rows, i, &t);
        write_template(&j, &t);
    }
    dm_jw_arr_end(&j);
    return more ? dm_page_next(req, 't', t.created_us, t.template_id, err) : 0;
}

int dm_route_template_list_v1(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.caller = &dm_session_of(req)->caller, .limit = DM_TEMPLATES_V1_MAX};
    int r = list(req, ctx, &w, err);
    dm_pg_rows_free(w.rows);
    return r;
}

int dm_route_template_list_v2(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.caller = &dm_session_of(req)->caller};
    int r = dm_page_read(req, 't', &w.page, err);
    w.limit = w.page.limit;
    if (r == 0)
        r = list(req, ctx, &w, err);
    dm_pg_rows_free(w.rows);
    return r;
}
