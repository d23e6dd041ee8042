/* workers/host/uplink.h: the worker's word to the API: who it is at each start, a beat each second, and what happened
 * to its sandboxes, at least once and in order. A thread of its own does the waiting; what it says and hears is made
 * and taken on the loop. When the API is away everything here goes on without it. When it says that this worker was
 * written off, the worker puts down what it has and the loop is stopped: who comes behind it asks
 * dm_worker_written_off. When it says that a later start of this worker is known, the loop is stopped at once: what
 * runs here is no longer this one's to end. */
#ifndef DM_WORKERS_HOST_UPLINK_H
#define DM_WORKERS_HOST_UPLINK_H

#include "workers/host/worker.h"

typedef struct dm_uplink dm_uplink;

int dm_uplink_new(dm_worker *w, dm_uplink **out, dm_err *err) DM_NODISCARD;
void dm_uplink_free(dm_uplink *u);
DM_DEFINE_FREEP(dm_uplink)

/* A later start of this worker has enrolled. */
bool dm_uplink_old_boot(const dm_uplink *u);

#endif
