#include "api/listen.h"

#include <unistd.h>

#include "base/wire/worker.h"

#include "api/dm/routes.h"
#include "api/door/routes.h"
#include "api/e2b/routes.h"
#include "api/kit/gate.h"
#include "api/ops/routes.h"
#include "api/uplink/routes.h"

/* The mouths, put together: a row is as its routes.def has it, with what holds for the whole mouth. */
#define ROUTE(method, path, right, standing, body_max, handler)                                                        \
    {#method, path, DM_SCOPE(DM_RIGHT_##right, DM_STANDING_##standing) | MOUTH, body_max, dm_route_##handler},

static const dm_route public_routes[] = {
#define MOUTH DM_SCOPE_COOKIE
#include "api/dm/routes.def"
#include "api/ops/routes.def"
#undef MOUTH
#define MOUTH DM_SCOPE_ANY_ORIGIN
#include "api/e2b/routes.def"
#undef MOUTH
#define MOUTH DM_SCOPE_ANY_ORIGIN | DM_SCOPE_BEARER
#include "api/e2b/token_routes.def"
#undef MOUTH
#define MOUTH DM_SCOPE_ANY_ORIGIN | DM_SCOPE_LOCAL
#include "api/door/routes.def"
#undef MOUTH
#define MOUTH DM_SCOPE_LOCAL
#include "api/ops/local.def"
#undef MOUTH
#define MOUTH 0
#include "api/ops/admin.def"
#undef MOUTH
};

static const dm_route worker_routes[] = {
#define MOUTH 0
#include "api/uplink/routes.def"
#undef MOUTH
};
#undef ROUTE

/* Each thread more than what keeps the processors busy is one more to wake and to change to: on two, 1 and 3 served a
 * tenth more looks than 2 and 8 did. */
static unsigned threads_of(uint64_t set, unsigned by_processors, unsigned most)
{
    if (set != 0)
        return (unsigned)set;
    return by_processors < most ? by_processors : most;
}

static dm_http_config common(dm_api *api)
{
    const dm_api_config *c = api->config;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned processors = online > 0 ? (unsigned)online : 1;
    return (dm_http_config){.threads = threads_of(c->http_threads, (processors + 1) / 2, DM_API_HTTP_THREADS_MAX),
            .connections_max = (unsigned)c->connections_max,
            .idle_s = (unsigned)c->idle_s,
            .exec_threads = threads_of(c->exec_threads, processors + 1, DM_API_EXEC_THREADS_MAX),
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
    const dm_api_config *c = api->config;
    h.unix_path = c->http_socket[0] != '\0' ? c->http_socket : NULL;
    h.listen_address = c->port != 0 ? c->listen_address : NULL;
    h.port = (uint16_t)c->port;
    h.party = dm_api_party;
    h.exec_parts = DM_SHARE;
    h.routes = public_routes;
    h.nroutes = DM_LEN(public_routes);
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
