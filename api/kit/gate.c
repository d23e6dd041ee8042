#include "api/kit/gate.h"

#include <stdio.h>

#include "base/wire/cause.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/cookie.h"
#include "api/kit/strangers.h"
#include "tenants/who/access.h"
#include "tenants/who/uses.h"

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

/* The rule is what error_body words. */
static int refused(dm_req *req, dm_no no, int code, const char *words, dm_err *err)
{
    req->reply.refused_by = dm_no_get(no)->rule;
    req->reply.status = dm_no_get(no)->status;
    return dm_fail(err, code, "%s", words);
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

/* What is held asks for nothing to be made or woken; it may be read, and killed. A budget is a quota: 429. */
static int held(dm_req *req, const dm_caller *c, dm_err *err)
{
    static const struct {
        dm_cause cause;
        dm_no no;
        const char *words;
    } all[] = {{DM_CAUSE_SUSPENDED_UNPAID, DM_NO_ACCOUNT_SUSPENDED, "the account is suspended"},
            {DM_CAUSE_ALLOWANCE_EXHAUSTED, DM_NO_ALLOWANCE_EXHAUSTED, "this month's running time is used up"},
            {DM_CAUSE_SPEND_CAP, DM_NO_SPEND_CAP, "this month's spend cap is reached"},
            {DM_CAUSE_PAUSED, DM_NO_PROJECT_REMOVING, "the project is being removed"}};
    for (size_t i = 0; standing_of(req->route->scope) == DM_STANDING_GOOD && i < DM_LEN(all); i++) {
        if (strcmp(c->held, dm_cause_get(all[i].cause)->name) != 0)
            continue;
        req->reply.status = dm_no_get(all[i].no)->status;
        req->reply.refused_by = dm_no_get(all[i].no)->rule;
        return dm_fail(err, DM_E_DENIED, "%s", all[i].words);
    }
    return 0;
}

/* The refusal that the gate has named; DM_NOS: none. */
static dm_no left_by_gate(const dm_reply *reply)
{
    static const dm_no named[] = {DM_NO_AUTH_RATE, DM_NO_AUTH_CSRF, DM_NO_AUTH_SESSION, DM_NO_ACCOUNT_SUSPENDED,
            DM_NO_ALLOWANCE_EXHAUSTED, DM_NO_SPEND_CAP, DM_NO_PROJECT_REMOVING, DM_NO_PROOF_NEEDED,
            DM_NO_LOOK_READ_ONLY, DM_NO_LOOK_OVER};
    for (size_t i = 0; i < DM_LEN(named); i++)
        if (reply->refused_by == dm_no_get(named[i])->rule)
            return named[i];
    return DM_NOS;
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

/* What the database could not answer stays what it is, all else is ours. */
static int unknown_yet(int r, dm_err *err, const char *what)
{
    return r == DM_E_UNAVAILABLE || r == DM_E_TIMEOUT ? r : dm_fail(err, DM_E_INTERNAL, "%s", what);
}

int64_t dm_api_party(const dm_req *req, void *ctx)
{
    const dm_api *api = ctx;
    dm_sandbox_id id;
    dm_project_no project;
    dm_str sid = dm_req_header(req, "X-Dm-Sid"), key = dm_req_header(req, "X-API-KEY"), first;
    if (key.n > 0 && dm_auth_met_of(api->auth, key, &project))
        return project.v * 2; /* addresses are odd */
    if (client_of(req).p != NULL)
        return api->strangers != NULL ? dm_strangers_name(api->strangers, client_of(req)) : 0;
    if (sid.p == NULL || !dm_str_split(&sid, '-', &first) || dm_sandbox_id_parse(first, &id, NULL) < 0)
        return 0;
    uint64_t low;
    memcpy(&low, id.b + 8, sizeof low);             /* random bytes */
    return (int64_t)(low >> 2 | (uint64_t)1 << 62); /* no address has it */
}

/* --- with a key --------------------------------------------------------------------------------------------- */

/* What is left is said on every answer, so that a client can slow down before it is told to. */
static int64_t take_request(dm_req *req, dm_api *api, const dm_caller *c)
{
    dm_rates_left left;
    int64_t wait_us = dm_rates_take_us(api->rates, DM_RATES_REQUESTS, c->owner.project, c->limits.request_rate, &left);
    const struct {
        const char *name;
        int64_t value;
    } headers[] = {{"RateLimit-Limit", left.limit}, {"RateLimit-Remaining", left.tokens},
            {"RateLimit-Reset", (left.full_us + 999999) / 1000000}};
    for (size_t i = 0; i < DM_LEN(headers); i++) {
        char text[24];
        (void)snprintf(text, sizeof text, "%lld", (long long)headers[i].value);
        dm_hint(&req->reply, headers[i].name, dm_str_c(text));
    }
    return wait_us;
}

/* Who is known and refused all the same has it kept; what happens before a handler is worded by its code alone. */
static void keep(const dm_req *req, const dm_session *s, int code)
{
    dm_no no = left_by_gate(&req->reply);
    if (no == DM_NOS)
        no = code == DM_E_LIMIT    ? DM_NO_REQUEST_RATE
             : code == DM_E_DENIED ? DM_NO_AUTH_FORBIDDEN
                                   : DM_NO_REQUEST_UNKNOWN;
    const dm_denial d = dm_no_denial(no, "request");
    if (code == DM_E_LIMIT || code == DM_E_DENIED || code == DM_E_NOTFOUND)
        dm_refused(req, s, &d, NULL);
}

static int by_key(dm_req *req, dm_api *api, dm_str key, dm_session *s, dm_err *err)
{
    if (key.n == 0)
        return unauthorized(req, err, "no API key: send it in the X-API-KEY header");
    int64_t wait_us = dm_strangers_wait_us(api->strangers, client_of(req), key);
    if (wait_us > 0 && !dm_auth_met(api->auth, key))
        return too_often(req, DM_NO_AUTH_RATE, wait_us, err, "too many wrong API keys come from this address");
    int r = dm_auth_find(api->auth, key, &s->caller, err);
    if (r < 0)
        return unknown_yet(r, err, "find a key");
    if (r == DM_AUTH_UNKNOWN) {
        dm_strangers_add(api->strangers, client_of(req));
        return unauthorized(req, err, "the API key is not valid");
    }
    dm_uses_add(api->uses, s->caller.key, dm_wall_us(api->clock));
    wait_us = take_request(req, api, &s->caller);
    if (wait_us > 0)
        return too_often(req, DM_NO_REQUEST_RATE, wait_us, err, "the project sends too many requests");
    r = of_path(req, &s->caller, err);
    if (r == 0)
        r = dm_gate_judge(&s->caller, req->route->scope, err);
    return r < 0 ? r : held(req, &s->caller, err);
}

/* --- with a cookie ------------------------------------------------------------------------------------------ */

static bool changes(const dm_req *req)
{
    return !dm_str_eq_c(req->method, "GET") && !dm_str_eq_c(req->method, "HEAD");
}

static bool below(const dm_req *req, const char *path)
{
    return dm_str_starts(dm_str_c(req->route->path), dm_str_c(path));
}

/* Which session the token is of, and that it goes on. 0 or DM_TOKEN_BAD. */
static int session_of(dm_api *api, dm_str token, dm_token_for who, dm_signed_in *out, dm_err *err)
{
    dm_token_claims claims;
    int r = dm_signing_read(api->signing, token, who, &claims, err);
    if (r != 0)
        return r;
    r = dm_sessions_find(api->sessions, claims.session, out, err);
    if (r == DM_SESSION_NONE || (r == 0 && (out->person.v != 0) != (who == DM_TOKEN_PERSON)))
        return DM_TOKEN_BAD;
    return r;
}

/* What a person is where the path leads. */
static int as_person(const dm_req *req, dm_api *api, const dm_signed_in *in, dm_caller *c, dm_err *err)
{
    bool project = below(req, "/v1/projects/{"), account = below(req, "/v1/accounts/{");
    int r = project   ? dm_members_of_project(api->members, in->person, req->params[0], c, err)
            : account ? dm_members_of_account(api->members, in->person, req->params[0], c, err)
                      : 0;
    if (r < 0)
        return unknown_yet(r, err, "find a member");
    if (r == DM_MEMBER_NONE)
        return dm_fail(err, DM_E_NOTFOUND, project ? "project not found" : "account not found");
    if (!project && !account)
        c->rights = UINT64_C(1) << DM_RIGHT_SELF | UINT64_C(1) << DM_RIGHT_ME;
    c->person = in->person;
    (void)snprintf(c->who, sizeof c->who, "person:%s", in->id);
    return 0;
}

/* Before his first sign-in is through he may what belongs to that and nothing else. */
static void as_operator(const dm_signed_in *in, dm_caller *c)
{
    c->operator_ = in->operator_;
    c->rights = in->ready ? dm_rights_of(DM_ROLE_OPERATOR) : UINT64_C(1) << DM_RIGHT_OPS_SELF;
    (void)snprintf(c->who, sizeof c->who, "operator:%s", in->name);
}

/* An act on money is of whoever has just shown that it is he who sits there. */
static int proven(dm_req *req, const dm_api *api, const dm_session *s, dm_err *err)
{
    if (right_of(req->route->scope) != DM_RIGHT_OPS_MONEY || dm_api_proven(api, s))
        return 0;
    return refused(req, DM_NO_PROOF_NEEDED, DM_E_DENIED, "this asks for the second factor once more", err);
}

static int by_cookie(dm_req *req, dm_api *api, dm_str token, bool tls, dm_session *s, dm_err *err)
{
    bool ops = below(req, "/v1/ops/");
    if (changes(req) && !dm_req_is_own(req, tls))
        return refused(req, DM_NO_AUTH_CSRF, DM_E_DENIED,
                "a request with a cookie that changes something must come from the console's own page", err);
    int r = session_of(api, token, ops ? DM_TOKEN_OPERATOR : DM_TOKEN_PERSON, &s->in, err);
    if (r < 0)
        return unknown_yet(r, err, "find a session");
    if (r == DM_TOKEN_BAD)
        return refused(req, DM_NO_AUTH_SESSION, DM_E_DENIED, "the session has ended, or its token is over", err);
    /* Operators are counted from below zero: the two never have one number. */
    uint64_t no = ops ? ~(uint64_t)s->in.operator_.v : (uint64_t)s->in.person.v;
    int64_t wait_us = api->person_rate != NULL ? dm_rate_take_us(api->person_rate, no) : 0;
    if (wait_us > 0)
        return too_often(req, DM_NO_REQUEST_RATE, wait_us, err, "you send too many requests");
    if (ops)
        as_operator(&s->in, &s->caller);
    else
        r = as_person(req, api, &s->in, &s->caller, err);
    if (r == 0)
        r = dm_gate_judge(&s->caller, req->route->scope, err);
    if (r == 0)
        r = proven(req, api, s, err);
    return r < 0 ? r : held(req, &s->caller, err);
}

/* --- an operator who looks as a tenant ---------------------------------------------------------------------- */

/* Which look a request means. A cookie alone says nothing: a browser sends it with whatever it asks, also where the
 * same person goes on as himself, or a page is still open of another tenant. So the page names the look by its id; a
 * stream or a download, which can send no header, in its query. */
static dm_str look_of(const dm_req *req)
{
    dm_str id = dm_req_header(req, "Dormouse-Look");
    return id.p != NULL ? id : dm_req_query(req, "look");
}

typedef struct looking {
    char id[DM_UUID_TEXT];
    dm_str project;
    dm_lookas *look;
    dm_caller *caller;
} looking;

static int find_look(dm_pg *c, void *arg, dm_err *err)
{
    looking *l = arg;
    return dm_lookas_find(c, l->id, l->project, l->look, l->caller, err);
}

/* 0 or DM_LOOKAS_NONE: its proof is not there, or it is over. Rare, and so asked each time: what ends is over at once.
 */
static int find_looking(dm_req *req, dm_api *api, dm_str which, dm_session *s, dm_err *err)
{
    static const dm_pg_scope nobody = {.read_only = true};
    dm_str cookie = dm_cookie_of(req, dm_req_over_tls(req), DM_COOKIE_LOOK);
    bool project = below(req, "/v1/projects/{");
    if (cookie.p == NULL)
        return DM_LOOKAS_NONE;
    s->look = calloc(1, sizeof *s->look);
    if (s->look == NULL)
        return dm_fail(err, DM_E_NOMEM, "a look");
    looking l = {.project = project ? req->params[0] : (dm_str){NULL, 0}, .look = s->look, .caller = &s->caller};
    int r = dm_lookas_text_read(api->master, cookie, l.id, err);
    if (r == 0 && !dm_str_eq_c(which, l.id))
        return DM_LOOKAS_NONE;
    return r != 0 ? r : dm_pg_tx(api->who, &nobody, find_look, &l, err);
}

/* It sees what is read, and changes nothing. */
static int by_look(dm_req *req, dm_api *api, dm_str which, dm_session *s, dm_err *err)
{
    int r = find_looking(req, api, which, s, err);
    if (r == DM_LOOKAS_NONE)
        return refused(
                req, DM_NO_LOOK_OVER, DM_E_DENIED, "this look as a tenant is over, or its cookie is not there", err);
    if (r < 0)
        return unknown_yet(r, err, "find a look");
    if (changes(req))
        return refused(req, DM_NO_LOOK_READ_ONLY, DM_E_DENIED, "who looks as a tenant changes nothing", err);
    uint64_t no = ~(uint64_t)s->caller.operator_.v; /* with what he asks as an operator */
    int64_t wait_us = api->person_rate != NULL ? dm_rate_take_us(api->person_rate, no) : 0;
    if (wait_us > 0)
        return too_often(req, DM_NO_REQUEST_RATE, wait_us, err, "you send too many requests");
    if (below(req, "/v1/projects/{") && s->caller.owner.project.v == 0)
        return dm_fail(err, DM_E_NOTFOUND, "project not found");
    if (!below(req, "/v1/projects/{") && !below(req, "/v1/accounts/{"))
        s->caller.rights = UINT64_C(1) << DM_RIGHT_ME;
    r = of_path(req, &s->caller, err);
    if (r == 0 && dm_gate_judge(&s->caller, req->route->scope, err) < 0)
        r = refused(req, DM_NO_LOOK_READ_ONLY, DM_E_DENIED, "this is not shown to who looks as a tenant", err);
    return r;
}

/* A key wins: whoever sends one means it. A look is named where it is meant. */
static int whoever(dm_req *req, dm_api *api, dm_session *s, dm_err *err)
{
    dm_str key = dm_req_header(req, "X-API-KEY");
    if (key.p != NULL || (req->route->scope & DM_SCOPE_COOKIE) == 0)
        return by_key(req, api, key, s, err);
    dm_str look = below(req, "/v1/ops/") ? (dm_str){NULL, 0} : look_of(req);
    if (look.p != NULL)
        return by_look(req, api, look, s, err);
    bool tls = dm_req_over_tls(req);
    dm_str token = dm_cookie_of(req, tls, below(req, "/v1/ops/") ? DM_COOKIE_OPS_SESSION : DM_COOKIE_SESSION);
    return token.p != NULL ? by_cookie(req, api, token, tls, s, err) : by_key(req, api, key, s, err);
}

/* --- by an access token ------------------------------------------------------------------------------------- */

typedef struct bearer {
    dm_str token, team;
    bool in_project;
    dm_caller *out;
    int64_t token_no;
} bearer;

enum { NO_TEAM = 2 }; /* beside DM_ACCESS_NONE */

static int find_bearer(dm_pg *c, void *arg, dm_err *err)
{
    bearer *b = arg;
    dm_caller person;
    int r = dm_access_find(c, b->token, &person, &b->token_no, err);
    if (r == 0 && b->in_project) {
        r = dm_access_project(c, &person, b->team, b->out, err);
        return r == DM_ACCESS_NONE ? NO_TEAM : r;
    }
    if (r == 0)
        *b->out = person;
    return r;
}

/* "Bearer sk_e2b_..." */
static dm_str token_of(const dm_req *req)
{
    dm_str rest = dm_req_header(req, "Authorization"), scheme;
    if (rest.p == NULL || !dm_str_split(&rest, ' ', &scheme) || !dm_str_ieq_c(scheme, "bearer"))
        return (dm_str){NULL, 0};
    return dm_str_trim(rest);
}

/* Names that E2B's clients have had for it. */
static dm_str team_of(const dm_req *req)
{
    dm_str team = dm_req_header(req, "X-Team-ID");
    return team.p != NULL ? team : dm_req_header(req, "X-Supabase-Team");
}

/* Rare, and so asked each time: what a token is worth is never older than the request. */
static int look_up(dm_req *req, dm_api *api, bearer *b, dm_err *err)
{
    static const dm_pg_scope nobody = {.read_only = true};
    int64_t wait_us = dm_strangers_wait_us(api->strangers, client_of(req), b->token);
    if (wait_us > 0)
        return too_often(req, DM_NO_AUTH_RATE, wait_us, err, "too many wrong keys come from this address");
    int r = dm_pg_tx(api->who, &nobody, find_bearer, b, err);
    if (r < 0)
        return unknown_yet(r, err, "find a token");
    if (r == DM_ACCESS_NONE) {
        dm_strangers_add(api->strangers, client_of(req));
        return unauthorized(req, err, "the access token is not valid");
    }
    return r == NO_TEAM ? dm_fail(err, DM_E_NOTFOUND, "project not found") : 0;
}

int dm_gate_token(dm_req *req, dm_api *api, dm_str token, dm_session *out, dm_err *err)
{
    bearer b = {.token = token, .out = &out->caller};
    int r = look_up(req, api, &b, err);
    out->token_no = b.token_no;
    return r;
}

static int by_token(dm_req *req, dm_api *api, dm_session *s, dm_err *err)
{
    bearer b = {.token = token_of(req),
            .team = team_of(req),
            .in_project = right_of(req->route->scope) != DM_RIGHT_SELF,
            .out = &s->caller};
    if (b.token.n == 0)
        return unauthorized(req, err, "no access token: send Authorization: Bearer sk_e2b_...");
    int r = look_up(req, api, &b, err);
    if (r < 0)
        return r;
    s->token_no = b.token_no;
    int64_t wait_us = api->person_rate != NULL ? dm_rate_take_us(api->person_rate, (uint64_t)s->caller.person.v) : 0;
    if (wait_us > 0)
        return too_often(req, DM_NO_REQUEST_RATE, wait_us, err, "you send too many requests");
    r = dm_gate_judge(&s->caller, req->route->scope, err);
    return r < 0 ? r : held(req, &s->caller, err);
}

/* Said on each answer, a refusal's too: whoever has little left hears so before he is put to sleep for it. */
static void say_low(dm_req *req, const dm_api *api, const dm_session *s)
{
    char text[DM_LOW_TEXT];
    if (dm_low_of(api->low, s->caller.owner, text))
        dm_hint(&req->reply, "Dormouse-Budget", dm_str_c(text));
}

static void let_go(dm_session *s)
{
    if (s != NULL)
        free(s->look);
    free(s);
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
    s->refusals = ((dm_api *)ctx)->refusals;
    if ((scope & DM_SCOPE_BEARER) != 0)
        r = by_token(req, ctx, s, err);
    else if (right_of(scope) != DM_RIGHT_NONE)
        r = whoever(req, ctx, s, err);
    say_low(req, ctx, s);
    if (r < 0) {
        keep(req, s, r);
        let_go(s);
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
    let_go(s);
    req->auth = NULL;
}

/* --- what every answer has ---------------------------------------------------------------------------------- */

/* A refusal that no handler worded: the reason that the gate left, or by its status. */
static dm_no plain(const dm_reply *reply)
{
    int status = reply->status;
    dm_no left = left_by_gate(reply);
    if (left != DM_NOS)
        return left;
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
    dm_refused(req, dm_session_of(req), &d, NULL);
}

static void count(const dm_req *req, const dm_reply *reply, const dm_api *api)
{
    dm_str path = req->route != NULL ? dm_str_c(req->route->path) : req->path;
    dm_pulse_add(api->pulse, dm_pulse_of(path), reply->status, dm_mono_us(api->clock) - req->arrived_mono_us);
}

void dm_api_finish(const dm_req *req, dm_reply *reply, void *ctx)
{
    count(req, reply, ctx);
    /* What names no route, a preflight among them, tells nothing that is worth hiding; but what cookies open has none.
     */
    if (req->route != NULL ? (req->route->scope & DM_SCOPE_ANY_ORIGIN) == 0 : dm_str_starts(req->path, DM_STR("/v1/")))
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
