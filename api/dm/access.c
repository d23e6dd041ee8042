/* /v1/me/access-tokens: the tokens with which E2B's command line stands for a person. A token is shown once. */
#include <stddef.h>

#include "api/dm/routes.h"
#include "api/dm/rows.h"
#include "api/kit/answer.h"
#include "api/kit/keys.h"
#include "api/kit/request.h"

typedef struct body {
    char *name;
} body;

static const dm_json_field fields[] = {{"name", DM_JSON_STR, offsetof(body, name), DM_JSON_NEED, 0, 1024}};

int dm_route_access_list(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_accesses_list(ctx, &dm_session_of(req)->caller, &rows, err);
    if (r < 0)
        return r;
    dm_jw w = dm_rows_begin(req);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        dm_access_row a;
        dm_access_row_read(rows, i, &a);
        dm_jw_obj(&w);
        dm_jw_kstr(&w, "id", a.id);
        dm_jw_kstr(&w, "name", a.name);
        dm_jw_kstr(&w, "mask", a.mask);
        dm_write_time(&w, "created_at", a.created_us);
        dm_jw_end(&w);
    }
    dm_rows_end(&w, NULL, (int64_t)dm_pg_count(rows));
    return 0;
}

static int add(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    dm_access_made made;
    dm_str name;
    int r = dm_name_member(b->name, &name, err);
    if (r < 0)
        return r;
    r = dm_accesses_add(api, &dm_session_of(req)->caller, name, &made, err);
    if (r != 0)
        return dm_deny_access(req, "token.add", r);
    dm_jw w = dm_reply_json(&req->reply, 201);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "token", made.token);
    dm_jw_kc(&w, "id", made.id);
    dm_jw_kstr(&w, "name", name);
    dm_jw_kc(&w, "mask", made.mask);
    dm_write_time(&w, "created_at", made.created_us);
    dm_jw_end(&w);
    explicit_bzero(&made, sizeof made);
    return 0;
}

int dm_route_access_add(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = add(req, ctx, &b, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

int dm_route_access_revoke(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_access_revoke(req, ctx, req->params[0], err);
}
