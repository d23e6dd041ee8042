/* POST .../sandboxes/{id}/access: what a page of the caller's session needs to talk to the agent of one sandbox by
 * E2B's client, for a while and without an API key. The agent's own token stays here: what is given stands in for it at
 * the door (api/door/scoped.h). */
#include <stdio.h>

#include "base/wire/guest.h"

#include "api/dm/routes.h"
#include "api/dm/sandbox_answer.h"
#include "api/kit/answer.h"
#include "api/kit/request.h"
#include "api/life/deny.h"
#include "tenants/plan/audit.h"

static const char what[] = "sandbox.access";

typedef struct grant {
    const dm_caller *caller;
    dm_sandbox_id id;
    int64_t expires_s;
} grant;

/* 0, or DM_SANDBOX_NONE: also of one that has ended. Who was let in, into what and until when stands in the audit
 * before he is. */
static int note(dm_pg *c, void *arg, dm_err *err)
{
    const grant *g = arg;
    char object[64], detail[64];
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_find(c, g->caller->owner, &g->id, false, &one, err);
    if (r != 0)
        return r;
    if (one.s.state == DM_SANDBOX_ENDING || one.s.state == DM_SANDBOX_ENDED)
        return DM_SANDBOX_NONE;
    (void)snprintf(object, sizeof object, "sandbox:%s", dm_sandbox_name_of(&g->id).s);
    (void)snprintf(detail, sizeof detail, "{\"until_s\":%lld}", (long long)g->expires_s);
    const dm_audit line = {.owner = g->caller->owner,
            .who = g->caller->who,
            .verb = what,
            .object = object,
            .detail = dm_str_c(detail)};
    return dm_audit_add(c, &line, err);
}

static void answer(dm_req *req, const dm_api *api, const grant *g, const char *token)
{
    const dm_api_config *c = api->config;
    dm_jw w = dm_reply_json(&req->reply, 201);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "sandbox", dm_sandbox_name_of(&g->id).s);
    dm_jw_kc(&w, "token", token);
    dm_jw_kc(&w, "agent_version", DM_AGENT_VERSION);
    dm_jw_ki64(&w, "agent_port", DM_GUEST_PORT);
    dm_jw_kc(&w, "url", c->sandbox_url[0] != '\0' ? c->sandbox_url : NULL);
    dm_jw_kc(&w, "domain", c->domain[0] != '\0' ? c->domain : NULL);
    dm_jw_ktime(&w, "expires_at", g->expires_s * 1000000);
    dm_jw_end(&w);
}

int dm_route_own_access(dm_req *req, void *ctx, dm_err *err)
{
    dm_api *api = ctx;
    const dm_session *s = dm_session_of(req);
    grant g = {.caller = &s->caller};
    char token[DM_TOKEN_MAX];
    int r = dm_own_id(req, &g.id, err);
    if (r == 0)
        r = dm_signing_grant(
                api->signing, s->in.session, dm_sandbox_name_of(&g.id).s, g.caller->slug, &g.expires_s, token, err);
    if (r == 0)
        r = dm_api_tx(api, g.caller, note, &g, err);
    if (r == DM_SANDBOX_NONE)
        r = dm_deny_no_sandbox(req, what, &g.id);
    else if (r == 0)
        answer(req, api, &g, token);
    explicit_bzero(token, sizeof token);
    return r;
}
