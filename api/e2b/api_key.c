/* /api-keys: a project's keys, as E2B's clients manage them with an access token. */
#include "api/e2b/mask.h"
#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/keys.h"

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

static int add(dm_req *req, dm_api *api, dm_str name, const void *arg, dm_err *err)
{
    (void)arg;
    return dm_answer_key_add(req, api, &(dm_key_new){.name = name}, write_row, err);
}

static int alter(dm_req *req, dm_api *api, dm_str name, const void *arg, dm_err *err)
{
    (void)arg;
    return dm_answer_key_alter(req, api, req->params[0], &(dm_key_change){.name = name}, 200, err);
}

int dm_route_api_key_add(dm_req *req, void *ctx, dm_err *err)
{
    return dm_with_name(req, ctx, add, NULL, err);
}

int dm_route_api_key_alter(dm_req *req, void *ctx, dm_err *err)
{
    return dm_with_name(req, ctx, alter, NULL, err);
}

int dm_route_api_key_revoke(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_key_revoke(req, ctx, req->params[0], err);
}
