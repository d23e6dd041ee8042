#include "api/e2b/sandbox.h"

#include "base/wire/guest.h"
#include "base/wire/spec.h"

#include "api/kit/answer.h"
#include "tenants/sandbox/network.h"

/* E2B's clients want the field and give it no meaning. */
static const char client_id[] = "dormouse";

int dm_write_sandbox(dm_api *api, dm_jw *w, const dm_sandbox *s, dm_err *err)
{
    char traffic[DM_TOKEN_TEXT] = "";
    dm_network network;
    DM_AUTO_BUF token;
    dm_buf_init(&token, 512);
    int r = dm_secret_access_token(api->master, &s->id, s->token_sealed, &token, err);
    if (r == 0)
        r = dm_network_read(s->network, &network, err);
    if (r == 0 && !network.public)
        r = dm_secret_token(api->master, "traffic", &s->id, traffic, err);
    if (r < 0)
        return r;
    dm_jw_obj(w);
    dm_jw_kc(w, "sandboxID", dm_sandbox_name_of(&s->id).s);
    dm_jw_kstr(w, "templateID", s->template_id);
    dm_jw_kc(w, "clientID", client_id);
    dm_jw_kc(w, "envdVersion", DM_AGENT_VERSION);
    if (s->alias.p != NULL)
        dm_jw_kstr(w, "alias", s->alias);
    if (token.len > 0)
        dm_jw_kstr(w, "envdAccessToken", dm_buf_view(&token));
    dm_jw_kc(w, "trafficAccessToken", traffic[0] != '\0' ? traffic : NULL);
    dm_jw_kc(w, "domain", api->config->domain[0] != '\0' ? api->config->domain : NULL);
    dm_jw_end(w);
    if (token.p != NULL)
        explicit_bzero(token.p, token.len);
    return 0;
}

int dm_answer_sandbox(dm_api *api, dm_req *req, int status, const dm_sandbox *s, dm_err *err)
{
    dm_jw w = dm_reply_json(&req->reply, status);
    return dm_write_sandbox(api, &w, s, err);
}

/* Clients know two states: what goes to sleep already sleeps, what wakes is not yet awake. */
static const char *shown_state(dm_sandbox_state state)
{
    return state == DM_SANDBOX_RUNNING ? "running" : "paused";
}

void dm_write_listed(dm_jw *w, const dm_sandbox *s)
{
    const dm_spec *spec = dm_spec_get((uint16_t)s->spec_table, (uint16_t)s->spec);
    dm_jw_kc(w, "sandboxID", dm_sandbox_name_of(&s->id).s);
    dm_jw_kstr(w, "templateID", s->template_id);
    dm_jw_kc(w, "clientID", client_id);
    if (s->alias.p != NULL)
        dm_jw_kstr(w, "alias", s->alias);
    dm_write_time(w, "startedAt", s->started_us);
    dm_write_time(w, "endAt", s->end_us);
    dm_jw_kc(w, "state", shown_state(s->state));
    dm_jw_ki64(w, "cpuCount", spec != NULL ? spec->vcpus : s->asked_vcpus);
    dm_jw_ki64(w, "memoryMB", spec != NULL ? spec->mem_mib : s->asked_mem_mib);
    dm_jw_ki64(w, "diskSizeMB", s->disk_mib);
    dm_jw_kc(w, "envdVersion", DM_AGENT_VERSION);
    dm_jw_key(w, "metadata");
    dm_jw_raw(w, s->metadata);
}
