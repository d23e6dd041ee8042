/* workers/host/machine/place.h: where a host keeps what its machines stand on. One home for the names below the folders
 * that it was told of:
 *
 *   DATA/vms/SLOT/              run folder of the VMM in that slot, with its disk
 *   DATA/sleepers/ID.EPOCH/     image of the sandbox that slept in that epoch: memory, device state, disk. It gets its
 *                               name when all is in it and durable; before that it is ID.EPOCH.making
 *   DATA/store/cp-NAME/         a checkpoint: a template that was made of a sandbox (workers/store)
 *   DATA/going/                 what nobody needs any more, until it is removed (going.h)
 *   IMAGES/NAME/                a guest image
 *   TEMPLATES/DIGEST-SIZE/      its snapshot of one size; .1, .2, ... where an older one does not fit this host
 *
 * What is in them is the business of workers/vmm, but for the disks. */
#ifndef DM_WORKERS_HOST_MACHINE_PLACE_H
#define DM_WORKERS_HOST_MACHINE_PLACE_H

#include <limits.h>

#include "base/wire/id.h"

#include "workers/host/machine/host.h"
#include "workers/store/object.h"

#define DM_PLACE_MAKING DM_OBJECT_MAKING /* behind a sleeper's folder that is not whole */

/* Makes the folders of which the rest is made. */
int dm_place_make(const dm_host_config *c, dm_err *err) DM_NODISCARD;

int dm_place_vm(const dm_host_config *c, uint32_t slot, char out[PATH_MAX], dm_err *err) DM_NODISCARD;
int dm_place_going(const dm_host_config *c, char out[PATH_MAX], dm_err *err) DM_NODISCARD;
int dm_place_sleepers(const dm_host_config *c, char out[PATH_MAX], dm_err *err) DM_NODISCARD;
int dm_place_sleeper(const dm_host_config *c, const dm_sandbox_name *name, int64_t epoch, char out[PATH_MAX],
        dm_err *err) DM_NODISCARD;
int dm_place_image(const dm_host_config *c, const char *image, char out[PATH_MAX], dm_err *err) DM_NODISCARD;
/* The first choice for a snapshot of the image with this digest. */
int dm_place_snapshot(const dm_host_config *c, const char *digest, uint32_t vcpus, uint32_t mem_mib, char out[PATH_MAX],
        dm_err *err) DM_NODISCARD;
/* What a sandbox remembers of the one it stands on, and where that is: also of a checkpoint. */
const char *dm_place_template_name(const char *dir);
int dm_place_template(const dm_host_config *c, const char *name, char out[PATH_MAX], dm_err *err) DM_NODISCARD;

/* A checkpoint stands among the templates by its name. */
#define DM_PLACE_CHECKPOINT "cp-"
bool dm_place_is_checkpoint(const char *template_name);
int dm_place_store(const dm_host_config *c, char out[PATH_MAX], dm_err *err) DM_NODISCARD;

/* The disk in the folder of a VM or of a sleeper. */
int dm_place_disk(const char *dir, char out[PATH_MAX], dm_err *err) DM_NODISCARD;

/* An entry that begins with ID.EPOCH, as sleepers and the door's live files do: rest is what follows, borrowed. */
bool dm_place_read(const char *entry, dm_sandbox_id *id, int64_t *epoch, dm_str *rest);

#endif
