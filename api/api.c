#include "api/api.h"

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
    const dm_pg_scope scope = {.account_no = caller->account_no, .project_no = caller->project_no};
    return translate(dm_pg_tx(api->db, &scope, fn, arg, err), err);
}

int dm_api_tx_ops(dm_api *api, dm_pg_fn fn, void *arg, dm_err *err)
{
    static const dm_pg_scope everybody = {.account_no = 0};
    return translate(dm_pg_tx(api->ops, &everybody, fn, arg, err), err);
}
