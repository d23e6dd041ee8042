/* /api-keys: a project's keys, as E2B's clients manage them with an access token. */
#include <stddef.h>

#include "api/e2b/mask.h"
#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/keys.h"
#include "api/kit/request.h"

typedef struct body {
    char *name;
} body;

static const dm_json_field fields[] = {{"name", DM_JSON_STR, offsetof(body, name), DM_JSON_NEED, 0, 1024}};

static void write_row(dm_jw *w, const dm_key_row *k)
{
    dm_jw_kstr(w, "id", k->id);
    dm_jw_kstr(w, "name", k->name);
    dm_e2b_write_mask(w, k->mask, "e2b_", 2 * DM_KEY_BYTES);
    dm_write_time(w, "createdAt", k->created_us);
    dm_write_time(w, "lastUsed", k->last_used_us);
    dm_jw_key(w, "createdBy");
    if (k->maker_id.n == 0) {
        dm_jw_null(w);
        return;
    }
    dm_jw_obj(w);
    dm_jw_kstr(w, "id", k->maker_id);
    dm_jw_kstr(w, "email", k->maker_email);
    dm_jw_end(w);
}

int dm_route_api_key_list(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_keys_list(ctx, &dm_session_of(req)->caller, &rows, err);
    if (r < 0)
        return r;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_arr(&w);
    for (size_t i = 0; i < dm_pg_count(rows); i++) {
        dm_key_row k;
        dm_key_row_read(rows, i, &k);
        dm_jw_obj(&w);
        write_row(&w, &k);
        dm_jw_end(&w);
    }
    dm_jw_arr_end(&w);
    return 0;
}

static int add(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    dm_key_new want = {.rights = 0};
    dm_key_made made;
    int r = dm_name_member(b->name, &want.name, err);
    if (r < 0)
        return r;
    r = dm_keys_add(api, &dm_session_of(req)->caller, &want, &made, err);
    if (r != 0)
        return dm_deny_key(req, "key.add", r);
    r = dm_answer_key_made(req, api, &made, write_row, err);
    explicit_bzero(&made, sizeof made);
    return r;
}

static int alter(dm_req *req, dm_api *api, const body *b, dm_err *err)
{
    dm_key_change want = {.expiry = false};
    char id[DM_UUID_TEXT];
    int r = dm_name_member(b->name, &want.name, err);
    if (r < 0)
        return r;
    r = DM_KEY_NONE;
    if (dm_row_param(req->params[0], id))
        r = dm_keys_alter(api, &dm_session_of(req)->caller, id, &want, err);
    if (r != 0)
        return dm_deny_key(req, "key.change", r);
    dm_reply_empty(&req->reply, 200);
    return 0;
}

static int with_body(dm_req *req, dm_api *api, int (*fn)(dm_req *, dm_api *, const body *, dm_err *), dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = fn(req, api, &b, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

int dm_route_api_key_add(dm_req *req, void *ctx, dm_err *err)
{
    return with_body(req, ctx, add, err);
}

int dm_route_api_key_alter(dm_req *req, void *ctx, dm_err *err)
{
    return with_body(req, ctx, alter, err);
}

int dm_route_api_key_revoke(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_key_revoke(req, ctx, req->params[0], err);
}
