#include "api/kit/api.h"

#include "base/parse.h"

int dm_api_hop(dm_req *req, void *ctx, dm_later_line line, dm_http_handler fn, dm_err *err)
{
    return dm_later_hop(((dm_api *)ctx)->later, dm_at(line, req), req, fn, ctx, err);
}

/* The sandbox that the path names, of E2B's routes or of ours. */
static dm_str named(const dm_req *req)
{
    const dm_str path = dm_str_c(req->route != NULL ? req->route->path : "");
    bool theirs = dm_str_starts(path, DM_STR("/sandboxes/{id}"));
    bool ours = dm_str_starts(path, DM_STR("/v1/projects/{slug}/sandboxes/{id}"));
    dm_str id = theirs ? req->params[0] : ours ? req->params[1] : (dm_str){"", 0};
    return dm_str_only(id, "abcdefghijklmnopqrstuvwxyz0123456789-") ? id : (dm_str){"", 0};
}

void dm_refused(const dm_req *req, const dm_session *s, const dm_denial *denial, const char *text)
{
    if (s == NULL || s->refusals == NULL || s->look != NULL) /* what an operator met is not the tenant's */
        return;
    const dm_refusal one = {.owner = s->caller.owner,
            .who = s->caller.who,
            .sandbox = s->sandbox.n > 0 ? s->sandbox : named(req),
            .denial = denial,
            .text = text};
    dm_refusals_add(s->refusals, &one);
}

static int64_t proof_us(const dm_api *api)
{
    return (int64_t)api->config->ops_proof_min * 60000000;
}

bool dm_api_proven(const dm_api *api, const dm_session *s)
{
    return dm_api_proven_until_us(api, s) != 0;
}

int64_t dm_api_proven_until_us(const dm_api *api, const dm_session *s)
{
    int64_t ago_us = s->in.operator_.v != 0 ? dm_sessions_proven_ago_us(api->sessions, &s->in) : -1;
    return ago_us < 0 || ago_us >= proof_us(api) ? 0 : dm_wall_us(api->clock) - ago_us + proof_us(api);
}

static int translate(int r, dm_err *err)
{
    if (r >= 0 || r == DM_E_UNAVAILABLE || r == DM_E_TIMEOUT || r == DM_E_NOMEM)
        return r;
    /* Many writers of one row: trying again helps. */
    int code = r == DM_E_CONFLICT ? DM_E_UNAVAILABLE : DM_E_INTERNAL;
    if (err != NULL)
        err->code = code;
    return code;
}

int dm_api_tx(dm_api *api, const dm_caller *caller, dm_pg_fn fn, void *arg, dm_err *err)
{
    const dm_pg_scope scope = dm_scope_of(caller->owner);
    return translate(dm_pg_tx(api->db, &scope, fn, arg, err), err);
}

int dm_api_tx_first(dm_api *api, const dm_caller *caller, dm_pg_fn fn, void *arg, dm_err *err)
{
    dm_pg_scope scope = dm_scope_of(caller->owner);
    scope.flush_later = true;
    return translate(dm_pg_tx(api->db, &scope, fn, arg, err), err);
}

int dm_api_tx_nobody(dm_api *api, bool flush_later, dm_pg_fn fn, void *arg, dm_err *err)
{
    const dm_pg_scope scope = {.flush_later = flush_later};
    return translate(dm_pg_tx(api->db, &scope, fn, arg, err), err);
}

int dm_api_tx_person(dm_api *api, const dm_caller *caller, dm_pg_fn fn, void *arg, dm_err *err)
{
    const dm_pg_scope scope = {.person_no = caller->person.v};
    return translate(dm_pg_tx(api->who, &scope, fn, arg, err), err);
}

int dm_api_tx_ops(dm_api *api, dm_pg_fn fn, void *arg, dm_err *err)
{
    static const dm_pg_scope everybody = {.read_only = false};
    return translate(dm_pg_tx(api->ops, &everybody, fn, arg, err), err);
}

int dm_api_tx_ops_of(dm_api *api, dm_owner owner, dm_pg_fn fn, void *arg, dm_err *err)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    return translate(dm_pg_tx(api->ops, &scope, fn, arg, err), err);
}

int dm_api_tx_who(dm_api *api, bool ops, int64_t no, dm_pg_fn fn, void *arg, dm_err *err)
{
    const dm_pg_scope scope = dm_login_scope(ops, no);
    return translate(dm_pg_tx(api->who, &scope, fn, arg, err), err);
}

dm_password_cost dm_api_password_cost(const dm_api *api)
{
    const dm_api_config *c = api->config;
    return (dm_password_cost){.mem_kib = (uint32_t)c->password_mem_kib,
            .passes = (uint32_t)c->password_passes,
            .lanes = (uint32_t)c->password_lanes};
}

int dm_api_no_password(dm_api *api, dm_err *err)
{
    char text[2 * DM_PASSWORD_MIN + 1];
    uint8_t random[DM_PASSWORD_MIN];
    const dm_password_cost cost = dm_api_password_cost(api);
    int r = dm_random(random, sizeof random, err);
    dm_hex(random, sizeof random, text);
    return r < 0 ? r : dm_password_hash(&cost, dm_str_c(text), api->no_password, err);
}

int dm_api_instance(dm_api *api, int64_t *no, dm_err *err)
{
    *no = atomic_load(&api->instance);
    return *no != 0 ? 0 : dm_fail(err, DM_E_UNAVAILABLE, "the service is starting");
}

typedef struct finding {
    const dm_caller *caller;
    const dm_sandbox_id *id;
    dm_sandbox_one *one;
} finding;

static int find(dm_pg *c, void *arg, dm_err *err)
{
    finding *f = arg;
    return dm_sandbox_look(c, f->caller->owner, f->id, f->one, err);
}

int dm_api_find(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_sandbox_one *one, dm_err *err)
{
    finding f = {.caller = caller, .id = id, .one = one};
    return dm_api_tx(api, caller, find, &f, err);
}
