/* /v1/accounts/{id}/projects and /v1/projects/{slug}: an account's projects, as its own people list, make and rename
 * them. */
#include "base/parse.h"

#include "api/dm/routes.h"
#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/keys.h"
#include "api/kit/request.h"
#include "api/kit/rows.h"
#include "tenants/sandbox/removal.h"
#include "tenants/who/projects.h"

typedef struct work {
    dm_rows_db db;
    const dm_caller *by;
    dm_projects_new want;
    dm_str typed;
    int64_t notice_s;
    dm_projects_row one;
} work;

static void again(work *w)
{
    dm_pg_rows_free(w->db.rows);
    w->db.rows = NULL;
}

/* --- shown -------------------------------------------------------------------------------------------------- */

static void write_removal(dm_jw *w, const dm_projects_row *p)
{
    dm_jw_key(w, "removal");
    if (p->removal_us == 0) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_write_time(w, "asked_at", p->removal_us);
    dm_jw_kstr(w, "asked_by", p->removal_by);
    dm_write_time(w, "ends_at", p->removal_ends_us);
    dm_jw_end(w);
}

static void write_row(dm_jw *w, const dm_projects_row *p)
{
    dm_str roles = p->roles;
    dm_jw_obj(w);
    dm_jw_kstr(w, "id", p->id);
    dm_jw_kstr(w, "slug", p->slug);
    dm_jw_kstr(w, "name", p->name);
    dm_jw_kstr(w, "region", p->region);
    dm_jw_key(w, "account");
    dm_jw_obj(w);
    dm_jw_kstr(w, "id", p->account_id);
    dm_jw_kstr(w, "name", p->account);
    dm_jw_kstr(w, "tier", p->tier);
    dm_jw_end(w);
    dm_jw_key(w, "roles");
    dm_jw_arr(w);
    for (dm_str role; dm_str_split(&roles, ',', &role);)
        dm_jw_str(w, role);
    dm_jw_arr_end(w);
    dm_jw_ki64(w, "running", p->running);
    dm_jw_ki64(w, "asleep_mib", p->asleep_mib);
    dm_jw_ki64(w, "members", p->members);
    dm_write_time(w, "created_at", p->created_us);
    write_removal(w, p);
    dm_jw_end(w);
}

static int query_list(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    const dm_project_no after = {w->db.page.us};
    int r = dm_projects_list(c, w->by, after, w->db.page.limit + 1, &w->db.rows, err);
    return r < 0 ? r : dm_projects_total(c, w->by->owner, &w->db.total, err);
}

static int write_listed(dm_jw *j, const void *list, size_t i, dm_rows_last *at, dm_err *err)
{
    const work *w = list;
    dm_projects_row p;
    (void)err;
    dm_projects_row_read(w->db.rows, i, &p);
    write_row(j, &p);
    at->us = p.no;
    return 0;
}

int dm_route_project_list(dm_req *req, void *ctx, dm_err *err)
{
    static const dm_rows_kind kind = {.order = 'j', .id = "project", .query = query_list, .write = write_listed};
    work w = {.by = &dm_session_of(req)->caller};
    return dm_rows_own(req, ctx, w.by, &kind, &w, err);
}

static int find(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    again(w);
    return dm_projects_one(c, w->by, &w->db.rows, &w->one, err);
}

static int show(dm_req *req, dm_api *api, work *w, int status, dm_err *err)
{
    int r = dm_api_tx(api, w->by, find, w, err);
    if (r == 0) {
        dm_jw j = dm_reply_json(&req->reply, status);
        write_row(&j, &w->one);
    }
    again(w);
    return r;
}

int dm_route_project_get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    return show(req, ctx, &w, 200, err);
}

/* --- made and renamed --------------------------------------------------------------------------------------- */

typedef struct body {
    char *name, *slug;
    bool has_slug;
} body;

static const dm_json_field fields[] = {{"name", DM_JSON_STR, offsetof(body, name), DM_JSON_NEED, 0, 1024},
        {"slug", DM_JSON_STR, offsetof(body, slug), offsetof(body, has_slug), 0, 1024}};

static int read_body(const body *b, dm_projects_new *out, dm_err *err)
{
    int r = dm_name_member(b->name, &out->name, err);
    if (r < 0 || !b->has_slug)
        return r;
    out->slug = dm_str_c(b->slug);
    return dm_slug_ok(out->slug)
                   ? 0
                   : dm_fail(err, DM_E_INVALID,
                             "\"slug\" must have %d to %d of a-z, 0-9 and -, with a letter or digit first and last",
                             DM_SLUG_MIN, DM_SLUG_MAX);
}

static int add(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_projects_add(c, w->by, &w->want, err);
}

static int deny_add(dm_req *req, const work *w, int r)
{
    static const char what[] = "project.add";
    const dm_bound bound = {.limit = w->want.limit, .current = w->want.current};
    switch (r) {
    case DM_PROJECTS_TAKEN:
        return dm_deny(req, DM_NO_PROJECT_SLUG, what, "a project has the slug \"%s\" already", w->want.made);
    case DM_PROJECTS_FULL:
        return dm_deny_bound(req, DM_NO_PROJECTS_MAX, what, &bound, "the account has %lld of at most %lld projects",
                (long long)bound.current, (long long)bound.limit);
    default:
        return dm_deny(req, DM_NO_ACCOUNT_PRICES, what, "the account's plan has no prices here");
    }
}

static int add_one(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller, .want = {.region = api->config->region}};
    int r = read_body(b, &w.want, err);
    if (r == 0)
        r = dm_api_tx(api, w.by, add, &w, err);
    if (r != 0)
        return r < 0 ? r : deny_add(req, &w, r);
    dm_jw j = dm_reply_json(&req->reply, 201);
    dm_jw_obj(&j);
    dm_jw_kc(&j, "slug", w.want.made);
    dm_jw_kstr(&j, "name", w.want.name);
    dm_jw_kc(&j, "region", w.want.region);
    dm_jw_end(&j);
    return 0;
}

int dm_route_project_add(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = add_one(req, ctx, &b, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

static int rename_one(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_projects_rename(c, w->by, w->want.name, err);
}

int dm_route_project_alter(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = dm_name_member(b.name, &w.want.name, err);
    if (r == 0 && b.has_slug)
        r = dm_fail(err, DM_E_INVALID, "\"slug\" cannot be changed: paths and the names of templates begin with it");
    if (r == 0)
        r = dm_api_tx(ctx, w.by, rename_one, &w, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

/* --- removed, and taken back -------------------------------------------------------------------------------- */

typedef struct remove_body {
    char *confirm;
} remove_body;

static const dm_json_field remove_fields[] = {
        {"confirm", DM_JSON_STR, offsetof(remove_body, confirm), DM_JSON_NEED, 0, 1024}};

static int ask_removal(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_removal_ask(c, w->by, w->typed, w->notice_s, err);
}

static int undo_removal(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_removal_undo(c, w->by, err);
}

/* What the project may has changed: here at once; elsewhere as soon as the database has said so. */
static int changed(dm_req *req, dm_api *api, work *w, int status, dm_err *err)
{
    dm_auth_forget(api->auth);
    dm_members_forget(api->members);
    return show(req, api, w, status, err);
}

/* Asked for again it is as it was asked first: so it can be repeated, whatever became of the answer. */
int dm_route_project_remove(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    remove_body b;
    int r = dm_body_read(req, remove_fields, DM_LEN(remove_fields), &b, err);
    if (r < 0)
        return r;
    work w = {.by = &dm_session_of(req)->caller,
            .typed = dm_str_c(b.confirm),
            .notice_s = (int64_t)api->config->removal_notice_h * 3600};
    r = dm_api_tx(api, w.by, ask_removal, &w, err);
    dm_json_done(remove_fields, DM_LEN(remove_fields), &b);
    if (r == DM_REMOVAL_WORD)
        return dm_deny(
                req, DM_NO_PROJECT_CONFIRM, "project.remove", "\"confirm\" is neither the project's slug nor its name");
    return r < 0 ? r : changed(req, api, &w, 202, err);
}

int dm_route_project_restore(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.by = &dm_session_of(req)->caller};
    int r = dm_api_tx(ctx, w.by, undo_removal, &w, err);
    if (r == DM_REMOVAL_OVER)
        return dm_deny(req, DM_NO_PROJECT_REMOVED, "project.restore", "the notice of the project's removal is over");
    return r < 0 ? r : changed(req, ctx, &w, 200, err); /* one that is not being removed is as it was */
}
