#include "api/kit/api.h"

int dm_api_hop(dm_req *req, void *ctx, dm_later_line line, dm_http_handler fn, dm_err *err)
{
    return dm_later_hop(((dm_api *)ctx)->later, dm_at(line, req), req, fn, ctx, err);
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

int dm_api_tx_ops(dm_api *api, dm_pg_fn fn, void *arg, dm_err *err)
{
    static const dm_pg_scope everybody = {.read_only = false};
    return translate(dm_pg_tx(api->ops, &everybody, fn, arg, err), err);
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
    return dm_sandbox_find(c, f->caller->owner, f->id, false, f->one, err);
}

int dm_api_find(dm_api *api, const dm_caller *caller, const dm_sandbox_id *id, dm_sandbox_one *one, dm_err *err)
{
    finding f = {.caller = caller, .id = id, .one = one};
    return dm_api_tx(api, caller, find, &f, err);
}
