#include "api/kit/gate.h"

#include <stdio.h>

#include "api/kit/answer.h"

/* --- who may ------------------------------------------------------------------------------------------------ */

static int unauthorized(dm_req *req, dm_err *err, const char *words)
{
    req->reply.status = 401; /* there is no error code of that name */
    return dm_fail(err, DM_E_DENIED, "%s", words);
}

static int judge(const dm_caller *c, unsigned scope, dm_err *err)
{
    if (c->banned)
        return dm_fail(err, DM_E_DENIED, "team is banned");
    if (c->blocked[0] != '\0' && scope == DM_MAY_CHANGE)
        return dm_fail(err, DM_E_DENIED, "team is blocked: %s", c->blocked);
    return 0;
}

static int by_key(dm_req *req, dm_api *api, dm_session *s, dm_err *err)
{
    dm_str key = dm_req_header(req, "X-API-KEY");
    if (key.p == NULL || key.n == 0)
        return unauthorized(req, err, "no API key: send it in the X-API-KEY header");
    int r = dm_auth_find(api->auth, key, &s->caller, err);
    if (r < 0)
        return r == DM_E_UNAVAILABLE || r == DM_E_TIMEOUT ? r : dm_fail(err, DM_E_INTERNAL, "find a key");
    if (r == DM_AUTH_UNKNOWN)
        return unauthorized(req, err, "the API key is not valid");
    (void)snprintf(s->who, sizeof s->who, "key:%s", s->caller.key_id);
    return judge(&s->caller, req->route->scope, err);
}

int dm_api_gate(dm_req *req, void *ctx, dm_err *err)
{
    unsigned scope = req->route->scope;
    int r = 0;
    /* The front adds X-Forwarded-For to all it lets in; our own subrequests and this machine's scrapers do not. To
     * the rest of the world these paths do not exist. */
    if (scope == DM_MAY_LOCAL && dm_req_header(req, "X-Forwarded-For").p != NULL)
        return dm_fail(err, DM_E_NOTFOUND, "no such path");
    dm_session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "session");
    if (scope == DM_MAY_READ || scope == DM_MAY_CHANGE)
        r = by_key(req, ctx, s, err);
    if (r < 0) {
        free(s);
        return r;
    }
    req->auth = s;
    return 0;
}

void dm_api_ungate(dm_req *req, void *ctx)
{
    (void)ctx;
    free(req->auth);
    req->auth = NULL;
}

/* --- what every answer has ---------------------------------------------------------------------------------- */

/* A refusal that no handler worded: the reason by its status. */
static const struct {
    int status;
    const char *rule;
    int32_t retry_after_s;
    const char *cure;
} plain[] = {
        {400, "request.invalid", -1, "mend the request as the message says"},
        {401, "auth.key", -1, "send a valid key of your project in the X-API-KEY header"},
        {403, "auth.forbidden", -1, "ask the owner of the account"},
        {404, "request.unknown", -1, "look at the path: what it names is not there"},
        {405, "request.method", -1, "use a method that the Allow header names"},
        {409, "state.changing", 1, "wait until the sandbox has come to rest"},
        {413, "request.size", -1, "send less at once"},
        {429, "request.rate", 1, "ask less often"},
        {503, "service.busy", 1, "try again in a moment"},
        {504, "service.slow", 1, "try again in a moment"},
};

void dm_api_error_body(const dm_req *req, dm_reply *reply, const dm_err *err, void *ctx)
{
    (void)ctx;
    int status = reply->status;
    /* A preflight needs neither a route nor a key. */
    if (dm_str_eq_c(req->method, "OPTIONS") && (status == 404 || status == 405)) {
        dm_reply_empty(reply, 204);
        return;
    }
    dm_denial d = {.what = "request",
            .rule = status < 500 ? "request.refused" : "service.failed",
            .retry_after_s = -1,
            .cure = status < 500 ? "mend the request as the message says"
                                 : "it is our fault: tell the operator the time and what you asked for",
            .doc = "/docs/errors"};
    for (size_t i = 0; i < DM_LEN(plain); i++) {
        if (plain[i].status == status) {
            d.rule = plain[i].rule;
            d.retry_after_s = plain[i].retry_after_s;
            d.cure = plain[i].cure;
        }
    }
    dm_jw w = dm_reply_json(reply, status);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", status);
    /* What a failure of ours says may name a table or a path: it stays in our log. */
    dm_jw_kc(&w, "message", status < 500 ? err->msg : status == 500 ? "internal server error" : d.cure);
    if (status == 500)
        dm_jw_kc(&w, "error_code", "internal_server_error");
    dm_jw_key(&w, "denial");
    dm_denial_write(&w, &d);
    dm_jw_end(&w);
}

void dm_api_finish(const dm_req *req, dm_reply *reply, void *ctx)
{
    (void)ctx;
    dm_hint(reply, "Access-Control-Allow-Origin", DM_STR("*"));
    dm_hint(reply, "Access-Control-Expose-Headers", DM_STR("*"));
    if (!dm_str_eq_c(req->method, "OPTIONS"))
        return;
    dm_str wanted = dm_req_header(req, "Access-Control-Request-Headers");
    dm_hint(reply, "Access-Control-Allow-Methods", DM_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    dm_hint(reply, "Access-Control-Allow-Headers", wanted.p != NULL ? wanted : DM_STR("*"));
    dm_hint(reply, "Access-Control-Max-Age", DM_STR("7200"));
}
