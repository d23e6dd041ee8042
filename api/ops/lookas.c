/* POST /v1/ops/accounts/{id}/impersonate, GET and DELETE /v1/ops/impersonation: an operator looks as a tenant. What he
 * may with it the gate says (api/kit/gate.c); its cookie is good together with the header that names the look. */
#include "tenants/who/lookas.h"

#include "api/kit/answer.h"
#include "api/kit/api.h"
#include "api/kit/cookie.h"
#include "api/ops/act.h"
#include "api/ops/routes.h"

typedef struct work {
    const char *who, *session, *reason;
    char account[DM_UUID_TEXT];
    dm_lookas look;
} work;

static int do_begin(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_lookas_begin(c, w->who, w->session, w->account, w->reason, &w->look, err);
}

static int do_end(dm_pg *c, void *arg, dm_err *err)
{
    const work *w = arg;
    return dm_lookas_end(c, w->session, err);
}

static int do_read(dm_pg *c, void *arg, dm_err *err)
{
    work *w = arg;
    return dm_lookas_current(c, w->session, &w->look, err);
}

static void write_look(dm_req *req, int status, const dm_lookas *l)
{
    dm_jw w = dm_reply_json(&req->reply, status);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "id", l->id);
    dm_jw_kc(&w, "account", l->account_id);
    dm_jw_kc(&w, "name", l->account_name);
    dm_jw_kc(&w, "who", l->who);
    dm_jw_kc(&w, "why", l->reason);
    dm_write_time(&w, "until", l->until_us);
    dm_jw_end(&w);
}

static int begin(dm_req *req, dm_api *api, const char *reason, dm_err *err)
{
    static const char what[] = "account.look";
    char text[DM_LOOKAS_TEXT];
    work w = {.who = dm_ops_who(req), .session = dm_session_of(req)->in.session, .reason = reason};
    int r = DM_LOOKAS_NONE;
    if (dm_uuid_ok(req->params[0]) && dm_str_to_array(req->params[0], w.account, sizeof w.account, NULL) == 0)
        r = dm_api_tx_ops(api, do_begin, &w, err);
    if (r == DM_LOOKAS_NONE)
        return dm_deny(req, DM_NO_OPS_NO_ACCOUNT, what, "no such account");
    if (r == 0)
        r = dm_lookas_text(api->master, w.look.id, text, err);
    if (r == 0)
        r = dm_cookie_set(req, dm_req_over_tls(req), DM_COOKIE_LOOK, text, DM_LOOKAS_S, err);
    if (r == 0)
        write_look(req, 201, &w.look);
    explicit_bzero(text, sizeof text);
    return r;
}

int dm_route_ops_look_begin(dm_req *req, void *ctx, dm_err *err)
{
    DM_AUTO_OPS_WHY why = {NULL};
    int r = dm_ops_why_read(req, "account.look", &why, err);
    return r != 0 ? (r < 0 ? r : 0) : begin(req, ctx, why.reason, err);
}

int dm_route_ops_look_get(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.session = dm_session_of(req)->in.session};
    int r = dm_api_tx_ops(ctx, do_read, &w, err);
    if (r == DM_LOOKAS_NONE)
        return dm_deny(req, DM_NO_LOOK_NONE, "account.look", "this session looks as nobody");
    if (r == 0)
        write_look(req, 200, &w.look);
    return r;
}

/* To end what is over already is no mistake: it may have ended by itself a moment ago. */
int dm_route_ops_look_end(dm_req *req, void *ctx, dm_err *err)
{
    work w = {.session = dm_session_of(req)->in.session};
    int r = dm_api_tx_ops(ctx, do_end, &w, err);
    if (r >= 0)
        r = dm_cookie_set(req, dm_req_over_tls(req), DM_COOKIE_LOOK, "", 0, err);
    if (r == 0)
        dm_reply_empty(&req->reply, 204);
    return r;
}
