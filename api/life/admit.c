#include "api/life/admit.h"

#include <stdio.h>

#include "base/parse.h"

#include "tenants/sandbox/network.h"

/* A build's environment as its row has it, and its variables; a sandbox's own is smaller (api/life/create_body.h). Both
 * together fit into an order and into a line to the guest. */
enum { ENV_TEXT_MAX = 128 << 10, BUILD_VARS_MAX = DM_WK_ENV_MAX / 2 };
static const char hostname[] = "e2b.local";

/* What is wrong with what we keep is our fault, never our caller's: a limit it breaks is no 429 of his. */
static int ours(int r, dm_err *err, const char *whose)
{
    if (r >= 0 || r == DM_E_NOMEM)
        return r;
    if (err != NULL)
        err->code = DM_E_INTERNAL;
    (void)dm_wrap(err, "%s environment", whose);
    return DM_E_INTERNAL;
}

static int load_build(dm_str text, json_t **out, dm_err *err)
{
    DM_AUTO(json_t) env = NULL;
    int r = dm_json_load(text, ENV_TEXT_MAX, &env, err);
    if (r == 0 && !json_is_object(env))
        r = dm_fail(err, DM_E_INTERNAL, "it is no object");
    if (r == 0 && json_object_size(env) > BUILD_VARS_MAX)
        r = dm_fail(err, DM_E_INTERNAL, "it has %zu variables, at most %d are taken", json_object_size(env),
                BUILD_VARS_MAX);
    if (r == 0)
        *out = dm_steal(&env);
    return ours(r, err, "the build's");
}

/* The build's environment, with the sandbox's own over it. */
static int fill_env(dm_api *api, const dm_sandbox *s, dm_str build_env, json_t **out, dm_err *err)
{
    DM_AUTO_BUF plain;
    DM_AUTO(json_t) env = NULL;
    DM_AUTO(json_t) own = NULL;
    dm_buf_init(&plain, ENV_TEXT_MAX);
    int r = load_build(build_env, &env, err);
    if (r < 0 || s->env_sealed.p == NULL) {
        *out = dm_steal(&env);
        return r;
    }
    r = dm_secret_open(api->master, "env", &s->id, s->env_sealed, &plain, err);
    if (r == 0)
        r = dm_json_load(dm_buf_view(&plain), ENV_TEXT_MAX, &own, err);
    if (r == 0 && json_object_update(env, own) < 0)
        r = dm_fail(err, DM_E_NOMEM, "environment");
    if (plain.p != NULL)
        explicit_bzero(plain.p, plain.len);
    if (r == 0)
        *out = dm_steal(&env);
    return ours(r, err, "the sandbox's");
}

static int fill_token(dm_api *api, const dm_sandbox *s, char *out, size_t cap, dm_err *err)
{
    DM_AUTO_BUF token;
    dm_buf_init(&token, cap - 1);
    int r = dm_secret_access_token(api->master, &s->id, s->token_sealed, &token, err);
    if (r == 0)
        r = dm_str_to_array(dm_buf_view(&token), out, cap, err);
    if (token.p != NULL)
        explicit_bzero(token.p, token.len);
    return r;
}

int dm_admit_fill(
        dm_api *api, const dm_sandbox *s, const dm_build_made_of *made, int64_t timeout_us, dm_admit *out, dm_err *err)
{
    const struct {
        dm_str from;
        char *to;
        size_t cap;
    } texts[] = {
            {s->template_id, out->template_id, sizeof out->template_id},
            {s->build_id, out->build_id, sizeof out->build_id},
            {made->image, out->image, sizeof out->image},
            {made->user, out->user, sizeof out->user},
            {made->workdir, out->workdir, sizeof out->workdir},
    };
    dm_network network;
    int r = dm_network_read(s->network, &network, err);
    if (r < 0)
        return r;
    out->m = (dm_wk_admit){.sandbox = out->sandbox,
            .epoch = s->epoch,
            .project_no = s->owner.project.v,
            .region_no = s->region_no,
            .spec_table = s->spec_table,
            .spec = s->spec,
            .disk_mib = s->disk_mib,
            .template_id = out->template_id,
            .build_id = out->build_id,
            .image = out->image,
            .timeout_us = timeout_us,
            .pause_on_timeout = s->pause_on_timeout,
            .idle_s = s->idle_s,
            .internet = s->allow_internet != 0 && !network.cut,
            .token = out->token,
            .user = out->user,
            .workdir = out->workdir,
            .hostname = out->hostname,
            .previous = out->previous};
    memcpy(out->hostname, hostname, sizeof hostname);
    (void)snprintf(out->sandbox, sizeof out->sandbox, "%s", dm_sandbox_name_of(&s->id).s);
    out->previous[0] = '\0';
    if (s->previous_attestation.n == DM_SHA256)
        dm_hex(s->previous_attestation.p, DM_SHA256, out->previous);
    for (size_t i = 0; i < DM_LEN(texts); i++)
        if (dm_str_to_array(texts[i].from, texts[i].to, texts[i].cap, err) < 0)
            return dm_fail(err, DM_E_INTERNAL, "text %zu of an order does not fit", i);
    r = fill_token(api, s, out->token, sizeof out->token, err);
    return r < 0 ? r : fill_env(api, s, made->env, &out->m.env, err);
}

void dm_admit_done(dm_admit *a)
{
    json_decref(a->m.env);
    a->m.env = NULL;
    explicit_bzero(a->token, sizeof a->token);
}
