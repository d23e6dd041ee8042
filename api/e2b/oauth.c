/* POST /oauth/token and /oauth/revoke: what E2B's command line asks of whoever signed its person in (the console's page
 * /cli gave it an access token). It takes a token that is no JWT for one that is over, and before each use asks for
 * another: the same comes back for as long as it is good. Signing out ends it, with the keys that it fetched. Failures
 * are worded as RFC 6749 has them, for the command line reads "error". */
#include "api/e2b/routes.h"
#include "api/kit/answer.h"
#include "api/kit/gate.h"
#include "api/kit/keys.h"
#include "api/kit/request.h"

enum { FIELD_MAX = 256 };

static int no(dm_req *req, const char *error, const char *words)
{
    dm_jw w = dm_reply_json(&req->reply, 400);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "error", error);
    dm_jw_kc(&w, "error_description", words);
    dm_jw_end(&w);
    return 0;
}

/* 0, OVER or a failure. */
enum { OVER = 1 };
static int whose(dm_req *req, dm_api *api, dm_str token, dm_session *s, dm_err *err)
{
    int r = dm_gate_token(req, api, token, s, err);
    if (r == DM_E_DENIED && req->reply.status == 401)
        return OVER;
    return r;
}

static int token(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO_BUF grant, text;
    dm_session s = {.token_no = 0};
    dm_buf_init(&grant, FIELD_MAX);
    dm_buf_init(&text, FIELD_MAX);
    if (dm_form_read(req->body, "grant_type", &grant, NULL) < 0 ||
            dm_form_read(req->body, "refresh_token", &text, NULL) < 0 || grant.len == 0)
        return no(req, "invalid_request", "send grant_type and refresh_token as a form");
    if (!dm_str_eq_c(dm_buf_view(&grant), "refresh_token"))
        return no(req, "unsupported_grant_type", "grant_type is refresh_token; a person signs in in the console");
    int r = whose(req, ctx, dm_buf_view(&text), &s, err);
    if (r != 0)
        return r < 0 ? r : no(req, "invalid_grant", "the token has been ended: sign in again");
    dm_hint(&req->reply, "Cache-Control", DM_STR("no-store"));
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_jw_kstr(&w, "access_token", dm_buf_view(&text));
    dm_jw_kstr(&w, "refresh_token", dm_buf_view(&text));
    dm_jw_kc(&w, "token_type", "Bearer");
    dm_jw_end(&w);
    explicit_bzero(text.p, text.len);
    return 0;
}

/* One that is nobody's is ended already: 200 as well (RFC 7009). */
static int end(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_session s = {.token_no = 0};
    dm_buf_init(&text, FIELD_MAX);
    if (dm_form_read(req->body, "token", &text, NULL) < 0 || text.len == 0)
        return no(req, "invalid_request", "send token as a form");
    int r = whose(req, ctx, dm_buf_view(&text), &s, err);
    if (r == 0)
        r = dm_accesses_end(ctx, &s.caller, s.token_no, err);
    if (r >= 0)
        dm_reply_empty(&req->reply, 200);
    return r < 0 ? r : 0;
}

int dm_route_oauth_token(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, token, err);
}

int dm_route_oauth_revoke(dm_req *req, void *ctx, dm_err *err)
{
    return dm_api_hop(req, ctx, DM_LATER_READS, end, err);
}
