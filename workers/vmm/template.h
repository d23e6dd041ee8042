/* workers/vmm/template.h: from a guest image and a spec to a template snapshot that clones start from. Boots the image,
 * waits for the agent, warms it, stops, saves. Leaves a whole immutable folder or nothing. */
#ifndef DM_WORKERS_VMM_TEMPLATE_H
#define DM_WORKERS_VMM_TEMPLATE_H

#include "workers/vmm/vmm.h"

typedef struct dm_template_build dm_template_build;

typedef struct dm_template_config {
    const dm_vmm_driver *driver;
    const dm_vmm_env *env;
    const char *image_dir;
    const char *out_dir;    /* does not exist yet; its parent does */
    const char *disk_image; /* empty ext4 that the template boots with (a copy is made) */
    uint32_t vcpus, mem_mib;
    int tap_fd;                     /* borrowed */
    uint32_t uid;                   /* these as in dm_vm_config */
    const struct dm_groups *groups; /* borrowed, for as long as it is built */
    uint32_t group;
} dm_template_config;

/* Progress words go to env->log. Retries a failed boot once. */
int dm_template_build_start(const dm_template_config *config, dm_vm_done_fn done, void *arg, dm_template_build **out,
        dm_err *err) DM_NODISCARD;
void dm_template_build_free(dm_template_build *b); /* also in mid-way */

/* After a crash: ends what a dead worker's builds below this folder have left running, which holds the tap of a slot
 * that the next build needs. A process is known by what its worker wrote down of it (proc.h), in a folder that no VMM
 * may write to. left is told of each folder, which nobody needs any more. Blocking, up to a second for each VM. */
void dm_template_sweep(const dm_vmm_driver *driver, const dm_vmm_env *env, const char *dir,
        void (*left)(void *arg, const char *path), void *arg);

enum { DM_TEMPLATE_STALE = 1 };
/* Whether a snapshot folder fits image, binary, host and size. 0, DM_TEMPLATE_STALE (build again), or an error. */
int dm_template_check(const dm_template_config *config, dm_err *err) DM_NODISCARD;

/* The snapshot's writable disk as the template left it: each clone gets a copy of its extents. */
#define DM_TEMPLATE_DISK "disk.ext4"

/* The root and manifest of the guest image it was made with, in a folder of the snapshot: what clones and sleepers
 * start from (image_dir of theirs), whatever has become of the image since. */
#define DM_TEMPLATE_IMAGE "image"

#endif
