/* /access-tokens: a person makes and ends them with one that he has. */
#include "api/e2b/mask.h"
#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/keys.h"

static void write_row(dm_jw *w, const dm_access_made *made, dm_str name)
{
    dm_jw_kc(w, "id", made->id);
    dm_jw_kstr(w, "name", name);
    dm_e2b_write_mask(w, dm_str_c(made->mask), "sk_e2b_", 2 * DM_ACCESS_BYTES);
    dm_write_time(w, "createdAt", made->created_us);
}

int dm_route_access_token_add(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_access_add(req, ctx, write_row, err);
}

int dm_route_access_token_revoke(dm_req *req, void *ctx, dm_err *err)
{
    return dm_answer_access_revoke(req, ctx, req->params[0], err);
}
