#include "api/kit/answer.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/wire/guest.h"
#include "base/wire/spec.h"

/* E2B's clients want the field and give it no meaning. */
static const char client_id[] = "dormouse";

enum { BODY_MAX = 16 << 20 };

/* --- no ----------------------------------------------------------------------------------------------------- */

void dm_hint(dm_reply *reply, const char *name, dm_str value)
{
    if (dm_reply_header(reply, name, value, NULL) < 0)
        return;
}

static void retry_headers(dm_reply *reply, int status, int32_t retry_after_s)
{
    char seconds[16];
    if (retry_after_s < 0) {
        if (status == 429 || status >= 500)
            dm_hint(reply, "Should-Retry", DM_STR("false"));
        return;
    }
    (void)snprintf(seconds, sizeof seconds, "%d", retry_after_s);
    dm_hint(reply, "Retry-After", dm_str_c(seconds));
}

static dm_jw begin_no(dm_req *req, int status, const char *error_code, const char *message)
{
    dm_jw w = dm_reply_json(&req->reply, status);
    dm_jw_obj(&w);
    dm_jw_ki64(&w, "code", status);
    dm_jw_kc(&w, "message", message);
    if (error_code != NULL)
        dm_jw_kc(&w, "error_code", error_code);
    return w;
}

int dm_deny(dm_req *req, int status, const char *error_code, const dm_denial *d, const char *fmt, ...)
{
    char message[512];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(message, sizeof message, fmt, ap);
    va_end(ap);
    dm_jw w = begin_no(req, status, error_code, message);
    dm_jw_key(&w, "denial");
    dm_denial_write(&w, d);
    dm_jw_end(&w);
    retry_headers(&req->reply, status, d->retry_after_s);
    return 0;
}

int dm_deny_worker(dm_req *req, int status, const char *error_code, const char *what, const dm_dispatch_no *no)
{
    /* What a worker says of a failure of its own may name a path of its host: the row's detail keeps it for us. */
    const char *message = status == 500 ? "the sandbox's worker failed" : no->message;
    if (no->denial[0] == '\0') {
        const dm_denial d = {.what = what,
                .rule = "worker.refused",
                .retry_after_s = status == 503 ? 1 : -1,
                .cure = "try again; if it goes on, tell the operator the sandbox's id and the time",
                .doc = "/docs/errors"};
        return dm_deny(req, status, error_code, &d, "%s", message);
    }
    dm_jw w = begin_no(req, status, error_code, message);
    dm_jw_key(&w, "denial");
    dm_jw_raw(&w, dm_str_c(no->denial));
    dm_jw_end(&w);
    retry_headers(&req->reply, status, status == 503 ? 1 : -1);
    return 0;
}

int dm_deny_away(dm_req *req, const char *what, int r, const dm_err *why)
{
    const dm_denial d = {.what = what,
            .rule = r == DM_E_TIMEOUT ? "worker.slow" : "worker.away",
            .retry_after_s = 1,
            .cure = "the sandbox's worker did not answer: try again in a moment",
            .doc = "/docs/errors"};
    (void)why;
    return dm_deny(req, r == DM_E_TIMEOUT ? 504 : 503, NULL, &d, "the sandbox's worker does not answer");
}

int dm_deny_no_sandbox(dm_req *req, const char *what, const dm_sandbox_id *id)
{
    const dm_denial d = {.what = what,
            .rule = "sandbox.unknown",
            .retry_after_s = -1,
            .cure = "it has ended, or never was in this project: list the sandboxes, or create one",
            .doc = "/docs/sandboxes"};
    return dm_deny(req, 404, NULL, &d, "Sandbox \"%s\" not found", dm_sandbox_name_of(id).s);
}

int dm_deny_quota(dm_req *req, const char *what, const dm_quota_over *over)
{
    const dm_denial d = {.what = what,
            .rule = over->account ? "account.running_max" : "project.running_max",
            .has_limit = true,
            .limit = over->limit,
            .has_current = true,
            .current = over->current,
            .retry_after_s = -1,
            .cure = "kill or pause a sandbox first, or ask for a higher limit",
            .doc = "/docs/limits"};
    return dm_deny(req, 429, NULL, &d, "you have reached the maximum number of concurrent sandboxes: %lld of %lld run",
            (long long)over->current, (long long)over->limit);
}

int dm_deny_timeout(dm_req *req, const char *what, int64_t timeout_s, int64_t least)
{
    int64_t most = dm_session_of(req)->caller.limits.timeout_s_max;
    if (timeout_s >= least && timeout_s <= most)
        return 0;
    char allowed[64];
    (void)snprintf(allowed, sizeof allowed, "%lld to %lld seconds", (long long)least, (long long)most);
    const dm_denial d = {.what = what,
            .rule = "project.timeout_s_max",
            .has_limit = true,
            .limit = timeout_s < least ? least : most,
            .has_current = true,
            .current = timeout_s,
            .allowed = allowed,
            .retry_after_s = -1,
            .cure = "ask for a timeout within the limit and extend it while you need the sandbox",
            .doc = "/docs/limits"};
    int r = dm_deny(req, 400, NULL, &d,
            timeout_s < least ? "Timeout must be at least %lld seconds" : "Timeout cannot be greater than %lld seconds",
            (long long)d.limit);
    return r < 0 ? r : 1;
}

/* --- what a request says ------------------------------------------------------------------------------------ */

int dm_sandbox_param(dm_str text, dm_sandbox_id *out, dm_err *err)
{
    static const char set[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    dm_str rest = text, id, client = {NULL, 0}, more;
    if (text.n == 0 || text.n > 128 || !dm_str_split(&rest, '-', &id) || id.n == 0 || !dm_str_only(id, set))
        return dm_fail(err, DM_E_INVALID, "Invalid sandbox ID");
    if (dm_str_split(&rest, '-', &client) && (client.n == 0 || !dm_str_only(client, set)))
        return dm_fail(err, DM_E_INVALID, "Invalid sandbox ID");
    if (client.p != NULL && dm_str_split(&rest, '-', &more))
        return dm_fail(err, DM_E_INVALID, "Invalid sandbox ID");
    if (dm_sandbox_id_parse(id, out, NULL) < 0)
        return dm_fail(err, DM_E_NOTFOUND, "Sandbox \"%.*s\" not found", (int)id.n, id.p);
    return 0;
}

int dm_body_read(const dm_req *req, const dm_json_field *fields, size_t n, void *out, dm_err *err)
{
    DM_AUTO(json_t) obj = NULL;
    dm_str text = dm_str_trim(req->body).n > 0 ? req->body : DM_STR("{}");
    int r = dm_json_load(text, BODY_MAX, &obj, err);
    if (r < 0)
        return dm_wrap(err, "body");
    return dm_json_decode(obj, fields, n, out, err);
}

/* --- yes ---------------------------------------------------------------------------------------------------- */

int dm_sandbox_token(dm_api *api, const dm_sandbox_id *id, dm_str sealed, dm_buf *out, dm_err *err)
{
    dm_buf_reset(out);
    if (sealed.p == NULL)
        return dm_buf_c(out, "");
    int r = dm_secret_open(api->master, "token", id, sealed, out, err);
    return r < 0 ? dm_wrap(err, "token of %s", dm_sandbox_name_of(id).s) : 0;
}

bool dm_network_public(dm_str network)
{
    DM_AUTO(json_t) n = NULL;
    if (dm_json_load(network, 1 << 20, &n, NULL) < 0)
        return false; /* closed rather than open */
    const json_t *v = json_object_get(n, "allowPublicTraffic");
    return v == NULL || json_is_true(v);
}

bool dm_network_cut(dm_str network)
{
    DM_AUTO(json_t) n = NULL;
    return dm_json_load(network, 1 << 20, &n, NULL) < 0 || json_object_get(n, "denyOut") != NULL;
}

int dm_answer_sandbox(dm_api *api, dm_req *req, int status, const dm_sandbox *s, dm_err *err)
{
    char traffic[DM_TOKEN_TEXT] = "";
    DM_AUTO_BUF token;
    dm_buf_init(&token, 512);
    int r = dm_sandbox_token(api, &s->id, s->token_sealed, &token, err);
    if (r == 0 && !dm_network_public(s->network))
        r = dm_secret_token(api->master, "traffic", &s->id, traffic, err);
    if (r < 0)
        return r;
    dm_jw w = dm_reply_json(&req->reply, status);
    dm_jw_obj(&w);
    dm_jw_kc(&w, "sandboxID", dm_sandbox_name_of(&s->id).s);
    dm_jw_kstr(&w, "templateID", s->template_id);
    dm_jw_kc(&w, "clientID", client_id);
    dm_jw_kc(&w, "envdVersion", DM_AGENT_VERSION);
    if (s->alias.p != NULL)
        dm_jw_kstr(&w, "alias", s->alias);
    if (token.len > 0)
        dm_jw_kstr(&w, "envdAccessToken", dm_buf_view(&token));
    dm_jw_kc(&w, "trafficAccessToken", traffic[0] != '\0' ? traffic : NULL);
    dm_jw_kc(&w, "domain", api->config->domain[0] != '\0' ? api->config->domain : NULL);
    dm_jw_end(&w);
    if (token.p != NULL)
        explicit_bzero(token.p, token.len);
    return 0;
}

void dm_write_time(dm_jw *w, const char *name, int64_t us)
{
    char text[32];
    if (us == 0) {
        dm_jw_kc(w, name, NULL);
        return;
    }
    dm_rfc3339(us, text);
    dm_jw_kc(w, name, text);
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
