/* workers/host/machine/snapshot.h: the template snapshot of one (guest image, size): the one that is there and fits,
 * else one that is built. Belongs to the loop. */
#ifndef DM_WORKERS_HOST_MACHINE_SNAPSHOT_H
#define DM_WORKERS_HOST_MACHINE_SNAPSHOT_H

#include "workers/host/machine/machine.h"

typedef struct dm_snapshot dm_snapshot;

/* FAILED becomes NEW again after some seconds. */
typedef enum dm_snapshot_state {
    DM_SNAPSHOT_NEW,
    DM_SNAPSHOT_BUILDING,
    DM_SNAPSHOT_READY,
    DM_SNAPSHOT_FAILED
} dm_snapshot_state;

/* Only looks for the image (DM_E_NOTFOUND); changed is called whenever its state has changed by itself. */
int dm_snapshot_new(dm_host *h, const char *image, uint32_t vcpus, uint32_t mem_mib, void (*changed)(void *arg),
        void *arg, dm_snapshot **out, dm_err *err) DM_NODISCARD;
void dm_snapshot_free(dm_snapshot *s); /* NULL is fine; not while its slot is being made ready */

/* Begins, if it is NEW: afterwards it is one of the others. changed may run before this returns. */
void dm_snapshot_want(dm_snapshot *s);
dm_snapshot_state dm_snapshot_is(const dm_snapshot *s);
const dm_err *dm_snapshot_why(const dm_snapshot *s); /* of FAILED */
bool dm_snapshot_of(const dm_snapshot *s, const char *image, uint32_t vcpus, uint32_t mem_mib);
/* What machines of it are made from, when it is READY; the path is the snapshot's. */
void dm_snapshot_config(const dm_snapshot *s, dm_machine_config *out);

#endif
