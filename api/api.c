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

static dm_http_config common(dm_api *api)
{
    const dm_api_config *c = api->config;
    return (dm_http_config){.threads = (unsigned)c->http_threads,
            .connections_max = (unsigned)c->connections_max,
            .idle_s = (unsigned)c->idle_s,
            .exec_threads = (unsigned)c->exec_threads,
            .exec_queue_max = (unsigned)c->exec_queue,
            .gate = dm_api_gate,
            .ungate = dm_api_ungate,
            .error_body = dm_api_error_body,
            .finish = dm_api_finish,
            .ctx = api,
            .log = api->log,
            .clock = api->clock,
            .metrics = api->metrics};
}

dm_http_config dm_api_http(dm_api *api)
{
    dm_http_config h = common(api);
    h.listen_address = api->config->listen_address;
    h.port = (uint16_t)api->config->port;
    h.routes = dm_api_routes(&h.nroutes);
    return h;
}

/* A worker's report is small and quick, and must not stand behind the tenants' requests: threads of its own. */
dm_http_config dm_api_worker_http(dm_api *api)
{
    dm_http_config h = common(api);
    h.unix_path = api->config->socket;
    h.threads = 1;
    h.connections_max = 256;
    h.exec_threads = (unsigned)api->config->db_ops_connections;
    h.routes = dm_api_worker_routes(&h.nroutes);
    return h;
}
