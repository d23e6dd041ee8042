/* /access-tokens: a person makes and ends them with one that he has. */
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
    dm_jw_kc(&w, "id", made.id);
    dm_jw_kstr(&w, "name", name);
    dm_jw_kc(&w, "token", made.token);
    dm_e2b_write_mask(&w, dm_str_c(made.mask), "sk_e2b_", 2 * DM_ACCESS_BYTES);
    dm_write_time(&w, "createdAt", made.created_us);
    dm_jw_end(&w);
    explicit_bzero(&made, sizeof made);
    return 0;
}

int dm_route_access_token_add(dm_req *req, void *ctx, dm_err *err)
{
    body b;
    int r = dm_body_read(req, fields, DM_LEN(fields), &b, err);
    if (r < 0)
        return r;
    r = add(req, ctx, &b, err);
    dm_json_done(fields, DM_LEN(fields), &b);
    return r;
}

int dm_route_access_token_revoke(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_access_revoke(req, ctx, req->params[0], err);
}
