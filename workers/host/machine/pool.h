/* workers/host/machine/pool.h: where machines come from. Sandboxes that start and sleepers that wake wait in one queue;
 * so many machines are made at once, and no more. The next one is for the project that had the fewest of late, and of
 * its sandboxes for the one that came first. When nobody waits, machines are made ahead:
 * of each (guest image, size) that has a depth so many that stand ready, and then these are made warm. Sizes nobody
 * asked for have no pool; one that was asked for once has one of depth 0 (its template is ready, machines are made on
 * demand), but for the default size. Belongs to the loop. */
#ifndef DM_WORKERS_HOST_MACHINE_POOL_H
#define DM_WORKERS_HOST_MACHINE_POOL_H

#include "workers/host/machine/machine.h"

typedef struct dm_pools dm_pools;

/* m is the caller's on 0. pooled: it stood ready in the pool. */
typedef void (*dm_pool_done_fn)(void *arg, dm_machine *m, bool pooled, int r, const dm_err *err);

int dm_pools_new(dm_host *h, dm_pools **out, dm_err *err) DM_NODISCARD;
void dm_pools_free(dm_pools *p); /* waiters are forgotten */
DM_DEFINE_FREEP(dm_pools)

/* Begins to fill the default pool. */
void dm_pools_start(dm_pools *p);

/* A loaded machine, the warmest there is, now or when one is made. done may run before this returns. DM_E_LIMIT when
 * too many wait, in all or of the project, or the slots will not do for all who wait; DM_E_NOTFOUND when there is no
 * such image. Who waits hears DM_E_UNAVAILABLE when it is his turn and the host has no memory to give. A ticket not yet
 * answered can be given back.
 */
typedef struct dm_pool_ticket dm_pool_ticket;
int dm_pools_take(dm_pools *p, int64_t project, const char *image, uint32_t vcpus, uint32_t mem_mib,
        const dm_slot_policy *policy, dm_pool_done_fn done, void *arg, dm_pool_ticket **out, dm_err *err) DM_NODISCARD;
/* The same for a sleeper: a machine of its template with its image in it; sleeper_dir NULL: a clone of a checkpoint,
 * which is the template. Never done before this returns. */
int dm_pools_wake(dm_pools *p, int64_t project, const dm_machine_config *config, const char *sleeper_dir,
        const dm_slot_policy *policy, dm_pool_done_fn done, void *arg, dm_pool_ticket **out, dm_err *err) DM_NODISCARD;
void dm_pool_ticket_drop(dm_pool_ticket *t); /* NULL is fine */

typedef struct dm_pools_count {
    uint32_t ready; /* can be handed out now */
    uint32_t warm;  /* of these */
    uint32_t spare; /* all that nobody waits for: their slots can be had */
    uint32_t waiting;
} dm_pools_count;
void dm_pools_counted(const dm_pools *p, dm_pools_count *out);
/* As many as there should be are ready, or were until they began to be made warm; settled: and nothing is left to do.
 */
bool dm_pools_ready(const dm_pools *p);
bool dm_pools_settled(const dm_pools *p);
/* Lets every spare machine go and makes no new ones. */
void dm_pools_drain(dm_pools *p);
/* And makes them again. */
void dm_pools_undrain(dm_pools *p);

#endif
