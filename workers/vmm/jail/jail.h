/* workers/vmm/jail/jail.h: what a VMM process is put into, so that whoever breaks out of a guest has nothing but what
 * that VMM was given: a user of its own, an empty read-only root, namespaces with nobody in them, no right at all, no
 * system call that leads out, a bounded share of the host. Belongs to the loop; dm_jail_new blocks. */
#ifndef DM_WORKERS_VMM_JAIL_JAIL_H
#define DM_WORKERS_VMM_JAIL_JAIL_H

#include "workers/vmm/jail/tree.h"
#include "workers/vmm/proc.h"

typedef struct dm_jail dm_jail;

/* Makes the tree (tree.h), or finds it made. What it borrows of config it needs no longer than that. */
int dm_jail_new(const dm_tree_config *config, dm_jail **out, dm_err *err) DM_NODISCARD;
void dm_jail_free(dm_jail *j); /* what runs in it runs on */
DM_DEFINE_FREEP(dm_jail)

/* An open file that is seen inside under one of the tree's empty places: "ram", "kernel", "initrd". */
typedef struct dm_jail_view {
    int fd; /* borrowed */
    const char *name;
    bool writable;
} dm_jail_view;

/* One process. */
typedef struct dm_jail_cell {
    uint32_t uid; /* nobody else's, and the group of the same number; not 0 */
    const dm_jail_view *views;
    size_t n_views;
    const int *groups; /* open files of the groups it joins (group.h), borrowed */
    size_t n_groups;
} dm_jail_cell;

/* dm_proc_spawn within. argv[0] is a path in the tree; what fds give is numbered below 32. It is process 1 of its own
 * pid namespace, and our child. */
int dm_jail_spawn(const dm_jail *j, const dm_jail_cell *cell, const char *const *argv, const dm_proc_fd *fds, size_t n,
        uint64_t file_max, dm_proc *out, dm_err *err) DM_NODISCARD;

#endif
