/* workers/vmm/jail/group.h: how much of its host one VMM may take: a control group a slot, below one of the
 * deployment's. Which controllers there are is found out one by one, old hierarchies (v1) or the new (v2): what cannot
 * be had is done without, and said. Groups are made once and stay; whoever has the slot next gets them set anew. Calls
 * write to the kernel's files: microseconds, but for dm_group_make, which may have to give memory back first. */
#ifndef DM_WORKERS_VMM_JAIL_GROUP_H
#define DM_WORKERS_VMM_JAIL_GROUP_H

#include <limits.h>

#include "base/str.h"

typedef enum dm_controller {
    DM_GROUP_MEMORY, /* the guest's, and DM_GROUP_MEM_MIB for its VMM */
    DM_GROUP_CPU,    /* a weight by vCPU */
    DM_GROUP_PIDS,
    DM_GROUP_IO, /* a weight by vCPU, where the disk's scheduler knows weights */
    DM_CONTROLLERS
} dm_controller;

enum { DM_GROUP_MEM_MIB = 200, DM_GROUP_FDS = DM_CONTROLLERS };

/* Where a controller is mounted; "": nowhere. */
typedef struct dm_group_mount {
    char dir[PATH_MAX];
    bool v2;
} dm_group_mount;
/* From the text of /proc/self/mountinfo. A v2 mount is where all are that no v1 mount has; whether it has them, its own
 * files say. */
void dm_group_mounts(dm_str mountinfo, dm_group_mount out[DM_CONTROLLERS]);

typedef struct dm_groups dm_groups;

/* name: of the deployment's group, in every hierarchy. */
int dm_groups_new(const char *name, dm_groups **out, dm_err *err) DM_NODISCARD;
void dm_groups_free(dm_groups *g); /* the groups stay */
DM_DEFINE_FREEP(dm_groups)

/* Names of the controllers that cannot be had, as "cpu io"; "" when all can. */
const char *dm_groups_lacking(const dm_groups *g);

/* The group of this number, empty, for a machine with so much memory; vcpus as in dm_group_weigh. */
int dm_group_make(const dm_groups *g, uint32_t no, uint64_t mem_mib, uint32_t vcpus, dm_err *err) DM_NODISCARD;
/* Open files, the caller's: a process of one thread that writes "0" to each joins. */
int dm_group_join(const dm_groups *g, uint32_t no, int fds[DM_GROUP_FDS], size_t *n, dm_err *err) DM_NODISCARD;
/* From now on it counts by its vCPUs. DM_GROUP_HURRY: more than any other, since somebody waits for it. */
enum { DM_GROUP_HURRY = 0 };
int dm_group_weigh(const dm_groups *g, uint32_t no, uint32_t vcpus, dm_err *err) DM_NODISCARD;

#endif
