#include "api/kit/gate.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/strangers.h"

/* --- who may ------------------------------------------------------------------------------------------------ */

static int unauthorized(dm_req *req, dm_err *err, const char *words)
{
    req->reply.status = 401; /* there is no error code of that name */
    return dm_fail(err, DM_E_DENIED, "%s", words);
}

static dm_right right_of(unsigned scope)
{
    return (dm_right)(scope & 0xff);
}

static dm_standing standing_of(unsigned scope)
{
    return (dm_standing)(scope >> 8 & 0xff);
}

/* A project or an account that is not the caller's is, to him, not there: he learns nothing of others'. */
static int of_path(const dm_req *req, const dm_caller *c, dm_err *err)
{
    dm_str pattern = dm_str_c(req->route->path), which = req->params[0];
    if (dm_str_starts(pattern, DM_STR("/v1/projects/{")) && !dm_is_project(c, which))
        return dm_fail(err, DM_E_NOTFOUND, "project not found");
    if (dm_str_starts(pattern, DM_STR("/v1/accounts/{")) && !dm_str_eq_c(which, c->account_id))
        return dm_fail(err, DM_E_NOTFOUND, "account not found");
    return 0;
}

int dm_gate_judge(const dm_caller *c, unsigned scope, dm_err *err)
{
    if (c->banned)
        return dm_fail(err, DM_E_DENIED, "team is banned");
    if (c->blocked[0] != '\0' && standing_of(scope) == DM_STANDING_GOOD)
        return dm_fail(err, DM_E_DENIED, "team is blocked: %s", c->blocked);
    if (!dm_may(c->rights, right_of(scope)))
        return dm_fail(err, DM_E_DENIED, "this needs the right %s", dm_right_name(right_of(scope)));
    return 0;
}

static int too_often(dm_req *req, dm_no no, int64_t wait_us, dm_err *err, const char *words)
{
    req->reply.refused_by = dm_no_get(no)->rule;
    req->reply.retry_after_s = (int32_t)((wait_us + 999999) / 1000000);
    return dm_fail(err, DM_E_LIMIT, "%s", words);
}

/* The front's word for who asks. */
static dm_str client_of(const dm_req *req)
{
    return dm_req_header(req, "X-Forwarded-For");
}

static int by_key(dm_req *req, dm_api *api, dm_session *s, dm_err *err)
{
    dm_str key = dm_req_header(req, "X-API-KEY");
    if (key.p == NULL || key.n == 0)
        return unauthorized(req, err, "no API key: send it in the X-API-KEY header");
    int64_t wait_us = dm_strangers_wait_us(api->strangers, client_of(req), key);
    if (wait_us > 0 && !dm_auth_met(api->auth, key))
        return too_often(req, DM_NO_AUTH_RATE, wait_us, err, "too many wrong API keys come from this address");
    int r = dm_auth_find(api->auth, key, &s->caller, err);
    if (r < 0)
        return r == DM_E_UNAVAILABLE || r == DM_E_TIMEOUT ? r : dm_fail(err, DM_E_INTERNAL, "find a key");
    if (r == DM_AUTH_UNKNOWN) {
        dm_strangers_add(api->strangers, client_of(req));
        return unauthorized(req, err, "the API key is not valid");
    }
    wait_us = api->rate != NULL ? dm_rate_take_us(api->rate, (uint64_t)s->caller.owner.project.v) : 0;
    if (wait_us > 0)
        return too_often(req, DM_NO_REQUEST_RATE, wait_us, err, "the project sends too many requests");
    r = of_path(req, &s->caller, err);
    return r < 0 ? r : dm_gate_judge(&s->caller, req->route->scope, err);
}

int dm_api_gate(dm_req *req, void *ctx, dm_err *err)
{
    unsigned scope = req->route->scope;
    int r = 0;
    /* The front adds X-Forwarded-For to all it lets in; our own subrequests and this machine's scrapers do not. To
     * the rest of the world these paths do not exist. */
    if ((scope & DM_SCOPE_LOCAL) != 0 && dm_req_header(req, "X-Forwarded-For").p != NULL)
        return dm_fail(err, DM_E_NOTFOUND, "no such path");
    dm_session *s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "session");
    if (right_of(scope) != DM_RIGHT_NONE)
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
    dm_session *s = req->auth;
    if (s != NULL && s->carry != NULL)
        s->carry_done(s->carry);
    free(s);
    req->auth = NULL;
}

/* --- what every answer has ---------------------------------------------------------------------------------- */

/* A refusal that no handler worded: the reason that the gate left, or by its status. */
static dm_no plain(const dm_reply *reply)
{
    int status = reply->status;
    if (reply->refused_by == dm_no_get(DM_NO_AUTH_RATE)->rule)
        return DM_NO_AUTH_RATE;
    static const dm_no all[] = {DM_NO_REQUEST_INVALID, DM_NO_AUTH_KEY, DM_NO_AUTH_FORBIDDEN, DM_NO_REQUEST_UNKNOWN,
            DM_NO_REQUEST_METHOD, DM_NO_REQUEST_SIZE, DM_NO_REQUEST_RATE, DM_NO_SERVICE_BUSY, DM_NO_SERVICE_SLOW};
    for (size_t i = 0; i < DM_LEN(all); i++) {
        if (dm_no_get(all[i])->status == status)
            return all[i];
    }
    return status < 500 ? DM_NO_REQUEST_REFUSED : DM_NO_SERVICE_FAILED;
}

void dm_api_error_body(const dm_req *req, dm_reply *reply, const dm_err *err, void *ctx)
{
    (void)ctx;
    int status = reply->status;
    /* A preflight needs neither a route nor a key. */
    if (dm_str_eq_c(req->method, "OPTIONS") && (status == 404 || status == 405)) {
        dm_reply_empty(reply, 204);
        return;
    }
    dm_denial d = dm_no_denial(plain(reply), "request");
    if (reply->retry_after_s > 0)
        d.retry_after_s = reply->retry_after_s;
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
    dm_hint_retry(reply, status, d.retry_after_s);
}

void dm_api_finish(const dm_req *req, dm_reply *reply, void *ctx)
{
    (void)ctx;
    /* What names no route, a preflight among them, tells nothing that is worth hiding. */
    if (req->route != NULL && (req->route->scope & DM_SCOPE_ANY_ORIGIN) == 0)
        return;
    dm_hint(reply, "Access-Control-Allow-Origin", DM_STR("*"));
    dm_hint(reply, "Access-Control-Expose-Headers", DM_STR("*"));
    if (!dm_str_eq_c(req->method, "OPTIONS"))
        return;
    dm_str wanted = dm_req_header(req, "Access-Control-Request-Headers");
    dm_hint(reply, "Access-Control-Allow-Methods", DM_STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    dm_hint(reply, "Access-Control-Allow-Headers", wanted.p != NULL ? wanted : DM_STR("*"));
    dm_hint(reply, "Access-Control-Max-Age", DM_STR("7200"));
}
