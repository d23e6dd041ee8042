/* workers/vmm/qemu/sock.h: the unix sockets in a VM's folder. Bound and dialled through the open folder, so that the
 * length of its path does not matter. */
#ifndef DM_WORKERS_VMM_QEMU_SOCK_H
#define DM_WORKERS_VMM_QEMU_SOCK_H

#include "base/err.h"

#define DM_QEMU_QMP_SOCK "qmp.sock"
#define DM_QEMU_AGENT_SOCK "agent.sock"

/* For us alone; an older one of the name is removed. */
int dm_qemu_listen(const char *dir, const char *name, int *out, dm_err *err) DM_NODISCARD;
/* DM_E_UNAVAILABLE when nobody listens. */
int dm_qemu_dial(const char *dir, const char *name, int *out, dm_err *err) DM_NODISCARD;
/* Tells a QEMU that may listen in dir to quit, and waits for that a little, two seconds at most: for one whose worker
 * died before it had written down what it started. */
void dm_qemu_quit_stray(const char *dir);

#endif
