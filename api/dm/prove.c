/* POST /v1/ops/auth/prove: an operator who has signed in shows his second factor once more, as acts on money ask. */
#include "api/dm/proof.h"
#include "api/dm/routes.h"
#include "api/kit/request.h"

typedef struct ask {
    char *code, *recovery;
} ask;

static const dm_json_field fields[] = {{"code", DM_JSON_STR, offsetof(ask, code), DM_JSON_OPT, 1, 64},
        {"recovery", DM_JSON_STR, offsetof(ask, recovery), DM_JSON_OPT, 1, 64}};

typedef struct proving {
    const char *session;
    int64_t at_us;
} proving;

static int write_down(dm_pg *c, void *arg, dm_err *err)
{
    proving *p = arg;
    return dm_session_prove(c, p->session, &p->at_us, err);
}

static int prove(dm_req *req, dm_api *api, const ask *a, dm_err *err)
{
    proving p = {.session = dm_session_of(req)->in.session};
    dm_login l;
    if ((a->code != NULL) == (a->recovery != NULL))
        return dm_fail(err, DM_E_INVALID, "send code or recovery");
    int r = dm_proof_me(req, api, &l, err);
    if (r < 0)
        return r;
    if (!l.has_totp)
        return dm_fail(err, DM_E_CONFLICT, "there is no second factor yet: set one first");
    r = dm_proof_second(req, api, &l, a->code, a->recovery, "auth.prove", err);
    if (r != 0)
        return r == DM_PROOF_WAIT ? 0 : r;
    r = dm_api_tx_who(api, l.ops, l.no, write_down, &p, err);
    if (r == DM_SESSION_NONE)
        return dm_deny(req, DM_NO_AUTH_SESSION, "auth.prove", "the session has ended");
    if (r < 0)
        return r;
    dm_sessions_forget(api->sessions, dm_str_c(p.session)); /* the next request may be here before the word of it */
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    dm_write_time(&w, "proven_until", p.at_us + (int64_t)api->config->ops_proof_min * 60000000);
    dm_jw_end(&w);
    return 0;
}

int dm_route_prove(dm_req *req, void *ctx, dm_err *err)
{
    ask a = {.code = NULL};
    int r = dm_body_read(req, fields, DM_LEN(fields), &a, err);
    if (r < 0)
        return r;
    r = prove(req, ctx, &a, err);
    dm_json_done(fields, DM_LEN(fields), &a);
    return r;
}
