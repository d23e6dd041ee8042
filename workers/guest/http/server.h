/* workers/guest/http/server.h: the agent's HTTP/1.1 server: connections on a loop, one exchange (dm_x) at a time on
 * each. On the loop's thread.
 *
 * Bounds: connections (at the bound an idle one makes way, else new ones wait in the kernel), the bytes of a head, what
 * all connections together hold of requests (the budget), the time a head may take and an idle connection lives. */
#ifndef DM_WORKERS_GUEST_HTTP_SERVER_H
#define DM_WORKERS_GUEST_HTTP_SERVER_H

#include "base/loop.h"

#include "workers/guest/http/exchange.h"
#include "workers/guest/limits.h"

typedef struct dm_server dm_server;

typedef struct dm_server_conf {
    dm_loop *loop;
    bool loopback_only;
    uint16_t port;
    size_t budget; /* bytes of requests held in memory by all connections together */
    dm_route_fn route;
    void *arg;
} dm_server_conf;

int dm_server_new(const dm_server_conf *conf, dm_server **out, dm_err *err) DM_NODISCARD;
void dm_server_free(dm_server *s);
DM_DEFINE_FREEP(dm_server)

/* Resets all connections accepted before the generation, and stamps new ones with it. */
void dm_server_drop_older(dm_server *s, int64_t generation);
/* Resets all accepted connections. */
void dm_server_drop_all(dm_server *s);
uint16_t dm_server_port(const dm_server *s); /* the one it got, when 0 was asked for */
unsigned dm_server_count(const dm_server *s);
/* Monotonic time of the last byte received. */
int64_t dm_server_active_us(const dm_server *s);

#endif
