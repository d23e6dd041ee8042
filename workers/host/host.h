/* workers/host/host.h: what everything on a worker stands on: configuration, loop, driver, slots. One struct, made by
 * main and passed down. */
#ifndef DM_WORKERS_HOST_HOST_H
#define DM_WORKERS_HOST_HOST_H

#include "base/metrics.h"

#include "workers/host/config.h"
#include "workers/host/slot.h"
#include "workers/vmm/vmm.h"

typedef struct dm_host {
    const dm_worker_config *conf;
    dm_loop *loop;
    dm_exec *exec;
    dm_log *log;
    const dm_clock *clock;
    dm_metrics *metrics;
    const dm_vmm_driver *driver;
    dm_vmm_env env;
    dm_vmm_caps caps;
    bool *slot_used; /* conf->slots of them; a slot is free again when its machine's leftovers are gone */
    uint32_t slots_free;
} dm_host;

int dm_host_init(dm_host *h, dm_err *err) DM_NODISCARD; /* the fields above are set; makes the slot map */
void dm_host_done(dm_host *h);

/* The lowest free slot, or -1. */
int32_t dm_host_slot_take(dm_host *h);
/* Of an adopted machine. */
void dm_host_slot_claim(dm_host *h, uint32_t no);
void dm_host_slot_give(dm_host *h, uint32_t no);

#endif
