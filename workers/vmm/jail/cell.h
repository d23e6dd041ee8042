/* workers/vmm/jail/cell.h: what jail.c and the program it starts agree on. Nobody else includes it. */
#ifndef DM_WORKERS_VMM_JAIL_CELL_H
#define DM_WORKERS_VMM_JAIL_CELL_H

/* A VMM's own descriptors are below DM_JAIL_FDS; from there on they are the jail's, and closed before it is left. */
enum {
    DM_JAIL_FDS = 32,
    DM_JAIL_FD_ROOT = DM_JAIL_FDS,
    DM_JAIL_FD_FILTER,
    DM_JAIL_FD_VIEWS,
    DM_JAIL_VIEWS = 4,
    DM_JAIL_FD_GROUPS = DM_JAIL_FD_VIEWS + DM_JAIL_VIEWS,
    DM_JAIL_GROUPS = 8,
    DM_JAIL_FD_END = DM_JAIL_FD_GROUPS + DM_JAIL_GROUPS,
};

/* Threads and processes of one VMM: QEMU has up to 64 for a disk's requests, one a vCPU, and a few of its own; it ends
 * when it cannot have one more. */
enum { DM_JAIL_TASKS = 96 };

#endif
