/* workers/host/pool.h: warm machines, one pool for each (guest image, size). A pool makes its template snapshot first
 * if there is none that fits; it is kept at its depth from then on. Sizes nobody asked for have no pool; one that was
 * asked for once has one of depth 0 (its template is ready, machines are made on demand), but for the default size.
 * Belongs to the loop. */
#ifndef DM_WORKERS_HOST_POOL_H
#define DM_WORKERS_HOST_POOL_H

#include "workers/host/machine.h"

enum { DM_POOLS_MAX = 64, DM_POOL_WAITERS_MAX = 1024 };

typedef struct dm_pools dm_pools;

/* m is the caller's on 0. pooled: it stood warm in the pool. */
typedef void (*dm_pool_done_fn)(void *arg, dm_machine *m, bool pooled, int r, const dm_err *err);

int dm_pools_new(dm_host *h, dm_pools **out, dm_err *err) DM_NODISCARD;
void dm_pools_free(dm_pools *p); /* waiters are forgotten */
DM_DEFINE_FREEP(dm_pools)

/* Begins to fill the default pool. */
void dm_pools_start(dm_pools *p);

/* A warm machine, now or when one is made. done may run before this returns. DM_E_LIMIT when too many wait or no slot
 * can come free, DM_E_NOTFOUND when there is no such image. A ticket not yet answered can be given back. */
typedef struct dm_pool_ticket dm_pool_ticket;
int dm_pools_take(dm_pools *p, const char *image, uint32_t vcpus, uint32_t mem_mib, dm_pool_done_fn done, void *arg,
        dm_pool_ticket **out, dm_err *err) DM_NODISCARD;
void dm_pool_ticket_drop(dm_pool_ticket *t);

uint32_t dm_pools_warm(const dm_pools *p);
bool dm_pools_ready(const dm_pools *p); /* the default pool is at its depth */
/* Lets every warm machine go and makes no new ones. */
void dm_pools_drain(dm_pools *p);

#endif
