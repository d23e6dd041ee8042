/* GET /sandboxes/{id}. */
#include "api/e2b/routes.h"
#include "api/e2b/sandbox.h"
#include "api/kit/answer.h"
#include "api/kit/request.h"
#include "api/life/deny.h"

static bool shown(dm_sandbox_state state)
{
    return state != DM_SANDBOX_STARTING && state != DM_SANDBOX_ENDING && state != DM_SANDBOX_ENDED;
}

static void write_detail(dm_jw *w, dm_api *api, const dm_sandbox *s, dm_str token)
{
    bool awake = s->state == DM_SANDBOX_RUNNING;
    dm_write_listed(w, s);
    if (token.n > 0)
        dm_jw_kstr(w, "envdAccessToken", token);
    dm_jw_kc(w, "domain", awake && api->config->domain[0] != '\0' ? api->config->domain : NULL);
    dm_jw_key(w, "allowInternetAccess");
    if (s->allow_internet < 0)
        dm_jw_null(w);
    else
        dm_jw_bool(w, s->allow_internet != 0);
    if (s->state == DM_SANDBOX_PAUSED)
        dm_jw_kc(w, "pauseMode", "full");
    dm_jw_key(w, "lifecycle");
    dm_jw_obj(w);
    dm_jw_kc(w, "onTimeout", s->pause_on_timeout ? "pause" : "kill");
    dm_jw_kbool(w, "autoResume", s->auto_resume);
    dm_jw_end(w);
    dm_jw_key(w, "network");
    dm_jw_raw(w, s->network);
    /* Ours: how the size was chosen, and why it sleeps. */
    dm_jw_key(w, "dormouse");
    dm_jw_obj(w);
    dm_jw_ki64(w, "epoch", s->epoch);
    dm_jw_kc(w, "cause", s->cause != DM_CAUSE_NONE ? dm_cause_get(s->cause)->name : NULL);
    dm_jw_ki64(w, "specTable", s->spec_table);
    dm_jw_ki64(w, "spec", s->spec);
    dm_jw_ki64(w, "askedCpuCount", s->asked_vcpus);
    dm_jw_ki64(w, "askedMemoryMB", s->asked_mem_mib);
    dm_jw_kstr(w, "buildID", s->build_id);
    dm_jw_end(w);
}

static int answer(dm_req *req, dm_api *api, const dm_sandbox *s, dm_err *err)
{
    DM_AUTO_BUF token;
    dm_buf_init(&token, 512);
    int r = dm_secret_access_token(api->master, &s->id, s->token_sealed, &token, err);
    if (r < 0)
        return r;
    dm_jw w = dm_reply_json(&req->reply, 200);
    dm_jw_obj(&w);
    write_detail(&w, api, s, dm_buf_view(&token));
    dm_jw_end(&w);
    if (token.p != NULL)
        explicit_bzero(token.p, token.len);
    return 0;
}

int dm_route_sandbox_get(dm_req *req, void *ctx, dm_err *err)
{
    dm_sandbox_id id;
    DM_AUTO_SANDBOX one = {.rows = NULL};
    int r = dm_sandbox_param(req->params[0], &id, err);
    if (r == 0)
        r = dm_api_find(ctx, &dm_session_of(req)->caller, &id, &one, err);
    if (r < 0)
        return r;
    if (r == DM_SANDBOX_NONE || !shown(one.s.state))
        return dm_deny_no_sandbox(req, "sandbox.get", &id);
    return answer(req, ctx, &one.s, err);
}
