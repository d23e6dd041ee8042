#include "api/listen.h"

#include "api/e2b/routes.h"
#include "api/kit/gate.h"

#define ROW(method, path, may, body_max, handler) {#method, path, may, body_max, dm_route_##handler},
#define NOTHING(method, path, may, body_max, handler)

static const dm_route routes[] = {
#define ROUTE ROW
#define WORKER NOTHING
#include "api/e2b/routes.def"
#undef ROUTE
#undef WORKER
};

static const dm_route worker_routes[] = {
#define ROUTE NOTHING
#define WORKER ROW
#include "api/e2b/routes.def"
#undef ROUTE
#undef WORKER
};

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
    h.routes = routes;
    h.nroutes = DM_LEN(routes);
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
    h.routes = worker_routes;
    h.nroutes = DM_LEN(worker_routes);
    return h;
}
