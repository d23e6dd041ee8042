/* POST /sandboxes/{id}/snapshots, GET /snapshots, and DELETE /templates/{id}, of which a snapshot's is the only one. */
#include "api/life/snapshot.h"

#include <stddef.h>
#include <stdio.h>

#include "api/e2b/routes.h"
#include "api/kit/page.h"
#include "api/kit/request.h"
#include "api/life/deny.h"

static const char making[] = "sandbox.snapshot", ending[] = "template.change";

enum { ID_MAX = 512 };

static void write_names(dm_jw *w, const char *slug, dm_str alias, dm_str tag, dm_str id)
{
    char text[ID_MAX];
    dm_jw_obj(w);
    if (alias.p != NULL)
        (void)snprintf(text, sizeof text, "%s/%.*s:%.*s", slug, (int)alias.n, alias.p, (int)tag.n, tag.p);
    else
        (void)snprintf(text, sizeof text, "%.*s:%.*s", (int)id.n, id.p, (int)tag.n, tag.p);
    dm_jw_kc(w, "snapshotID", text);
    dm_jw_key(w, "names");
    dm_jw_arr(w);
    if (alias.p != NULL)
        dm_jw_c(w, text);
    dm_jw_arr_end(w);
    dm_jw_end(w);
}

/* --- making ------------------------------------------------------------------------------------------------- */

typedef struct body {
    char *name;
    bool memory, has_memory;
} body;

static const dm_json_field fields[] = {
        {"name", DM_JSON_STR, offsetof(body, name), DM_JSON_OPT, 1, ID_MAX},
        {"memory", DM_JSON_BOOL, offsetof(body, memory), offsetof(body, has_memory), 0, 0},
};

/* 0, or 1 when it has answered. */
static int read_name(dm_req *req, const body *b, dm_template_name *name, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    int r = 0;
    if (b->has_memory && !b->memory)
        r = dm_deny(req, DM_NO_SNAPSHOT_MEMORY, making, "a snapshot without memory is not offered here");
    else if (b->name == NULL)
        return 0;
    else if (dm_template_name_parse(dm_str_c(b->name), name, err) < 0)
        r = dm_deny(req, DM_NO_SNAPSHOT_NAME, making, "%s", err->msg);
    else if (name->sized)
        r = dm_deny(req, DM_NO_SNAPSHOT_NAME, making, "a tag that ends in a size is none for a snapshot");
    else if (name->space[0] != '\0' && strcmp(name->space, caller->slug) != 0)
        r = dm_deny(req, DM_NO_SNAPSHOT_NAME, making, "namespace '%s' is not the project's", name->space);
    else
        return 0;
    return r < 0 ? r : 1;
}

static int deny_full(dm_req *req, const dm_snapshot_over *over)
{
    const dm_bound bound = {.limit = over->limit, .current = over->current};
    if (over->mib)
        return dm_deny_bound(req, DM_NO_PROJECT_SNAPSHOT_MIB, making, &bound,
                "your snapshots take, or would take, %lld MiB of %lld", (long long)over->current,
                (long long)over->limit);
    return dm_deny_bound(req, DM_NO_PROJECT_SNAPSHOTS_MAX, making, &bound, "you have %lld of %lld snapshots",
            (long long)over->current, (long long)over->limit);
}

static int not_made(dm_req *req, const dm_sandbox_id *id, int r, const dm_snapshot_act *s, dm_err *err)
{
    switch (r) {
    case DM_SNAPSHOT_NO_SANDBOX:
        return dm_deny_no_sandbox(req, making, id);
    case DM_SNAPSHOT_ASLEEP:
        return dm_deny(req, DM_NO_SNAPSHOT_ASLEEP, making, "sandbox \"%s\" is paused", dm_sandbox_name_of(id).s);
    case DM_SNAPSHOT_FULL:
        return deny_full(req, &s->over);
    case DM_SNAPSHOT_OFFERED:
        return dm_deny(req, DM_NO_SNAPSHOT_NAME, making, "a template of the project has that name and tag");
    case DM_SNAPSHOT_REFUSED:
        return dm_deny_worker(req, s->no.status == 503 || s->no.status == 429 ? 503 : 500, NULL, making, &s->no);
    case DM_SNAPSHOT_AWAY:
        return dm_deny_away(req, making, err);
    case DM_SNAPSHOT_SLOW:
        return dm_deny_slow(req, making, err);
    default:
        return dm_fail(err, DM_E_INTERNAL, "a snapshot came to %d", r);
    }
}

static int make_one(dm_req *req, void *ctx, dm_err *err);

static int make_of(dm_req *req, dm_api *api, const dm_template_name *name, dm_err *err)
{
    const dm_caller *caller = &dm_session_of(req)->caller;
    dm_sandbox_id id;
    DM_AUTO_SNAPSHOT_ACT s = {.no = {.status = 0}};
    int r = dm_sandbox_param(req->params[0], &id, err);
    if (r == 0)
        r = dm_client_waits(req, err);
    if (r < 0)
        return r;
    uint64_t mark = dm_later_mark(api->later, &id);
    r = dm_snapshot_make(api, caller, &id, name, &s, err);
    if (r == DM_SNAPSHOT_BUSY)
        return dm_wait_or_deny(api, dm_at(DM_LATER_ORDERS, req), req, make_one, &id, mark, making, err);
    if (r != 0)
        return r < 0 ? r : not_made(req, &id, r, &s, err);
    dm_jw w = dm_reply_json(&req->reply, 201);
    write_names(&w, caller->slug, name != NULL ? dm_str_c(name->alias) : (dm_str){NULL, 0},
            name != NULL ? dm_str_c(name->tag) : DM_STR("default"), dm_str_c(s.id.s));
    return 0;
}

static int make_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_template_name name;
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = read_name(req, &b, &name, err);
    if (r == 0)
        r = make_of(req, ctx, b.name != NULL ? &name : NULL, err);
    else if (r > 0)
        r = 0;
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

int dm_route_snapshot_make(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, make_one, err);
}

/* --- the list ----------------------------------------------------------------------------------------------- */

typedef struct listing {
    const dm_caller *caller;
    dm_page page;
    dm_snapshot_filter filter;
    dm_sandbox_id sandbox;
    dm_template_name name;
    dm_pg_rows *rows;
} listing;

static int query(dm_pg *c, void *arg, dm_err *err)
{
    listing *l = arg;
    dm_pg_rows_free(l->rows);
    l->rows = NULL;
    return dm_snapshot_list(c, l->caller->owner, &l->filter, &l->rows, err);
}

/* 1: what it asks for can be nowhere, so that the list is empty. */
static int read_filter(const dm_req *req, listing *l, dm_err *err)
{
    dm_str sandbox = dm_req_query(req, "sandboxID"), name = dm_req_query(req, "name");
    int r = dm_page_read(req, 's', &l->page, err);
    if (r < 0)
        return r;
    l->filter = (dm_snapshot_filter){
            .before_us = l->page.from ? l->page.us : 0, .before_id = dm_str_c(l->page.id), .limit = l->page.limit + 1};
    if (sandbox.p != NULL) {
        r = dm_sandbox_param(sandbox, &l->sandbox, err);
        if (r < 0)
            return r == DM_E_NOTFOUND ? 1 : r;
        l->filter.sandbox = &l->sandbox;
    }
    if (name.p != NULL) {
        if (dm_template_name_parse(name, &l->name, err) < 0)
            return dm_wrap(err, "name");
        if (l->name.sized || (l->name.space[0] != '\0' && strcmp(l->name.space, l->caller->slug) != 0))
            return 1;
        l->filter.name = &l->name;
    }
    return 0;
}

static int write_list(dm_req *req, const listing *l, dm_err *err)
{
    dm_snapshot_row s = {.made_us = 0};
    size_t n = dm_pg_count(l->rows);
    bool more = n > (size_t)l->page.limit;
    int r = 0;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_arr(&w);
    for (size_t i = 0; r == 0 && i < (more ? (size_t)l->page.limit : n); i++) {
        r = dm_snapshot_read(l->rows, i, &s, err);
        if (r == 0)
            write_names(&w, l->caller->slug, s.alias, s.tag, s.snapshot_id);
    }
    dm_jw_arr_end(&w);
    return r == 0 && more ? dm_page_next(req, 's', s.made_us, s.snapshot_id, err) : r;
}

int dm_route_snapshot_list(dm_req *req, void *ctx, dm_err *err)
{
    listing l = {.caller = &dm_session_of(req)->caller};
    int r = read_filter(req, &l, err);
    if (r == 0)
        r = dm_api_tx(ctx, l.caller, query, &l, err);
    if (r >= 0)
        r = write_list(req, &l, err);
    dm_pg_rows_free(l.rows);
    return r;
}

/* --- its end ------------------------------------------------------------------------------------------------ */

static int end_one(dm_req *req, void *ctx, dm_err *err)
{
    dm_template_name name;
    DM_AUTO_SNAPSHOT_ACT s = {.no = {.status = 0}};
    int r = dm_template_name_parse(req->params[0], &name, err);
    if (r < 0)
        return r;
    r = dm_snapshot_end(ctx, &dm_session_of(req)->caller, &name, &s, err);
    switch (r) {
    case 0:
        dm_reply_empty(&req->reply, 204);
        return 0;
    case DM_SNAPSHOT_OFFERED:
        return dm_deny(req, DM_NO_TEMPLATE_CHANGE_NOT_OFFERED, ending,
                "changing templates and their tags is not offered here yet");
    case DM_SNAPSHOT_UNKNOWN:
        return dm_deny(req, DM_NO_SNAPSHOT_UNKNOWN, ending, "there is no snapshot '%s:%s'", name.alias, name.tag);
    case DM_SNAPSHOT_IN_USE:
        return dm_deny(req, DM_NO_SNAPSHOT_IN_USE, ending, "sandboxes that were made from it run or are paused");
    case DM_SNAPSHOT_REFUSED:
        return dm_deny_worker(req, 500, NULL, ending, &s.no);
    case DM_SNAPSHOT_AWAY:
        return dm_deny_away(req, ending, err);
    case DM_SNAPSHOT_SLOW:
        return dm_deny_slow(req, ending, err);
    default:
        return r;
    }
}

int dm_route_template_delete(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_ORDERS, end_one, err);
}
