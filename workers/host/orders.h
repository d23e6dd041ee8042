/* workers/host/orders.h: the API's orders (base/wire/worker.h) as routes of an HTTP server whose handlers run on the
 * worker's loop. */
#ifndef DM_WORKERS_HOST_ORDERS_H
#define DM_WORKERS_HOST_ORDERS_H

#include "base/http.h"

#include "workers/host/dial.h"

/* The context of every route here. */
typedef struct dm_orders {
    dm_worker *w;
    dm_dials *dials;
} dm_orders;

extern const dm_route dm_orders_routes[];
extern const size_t dm_orders_nroutes;

/* GET /metrics, for a server that people and Prometheus reach; and GET /dial/ID/EPOCH/PORT, for the door of this host
 * (dial.h). */
extern const dm_route dm_worker_metrics_routes[];
extern const size_t dm_worker_metrics_nroutes;

#endif
