/* workers/host/rights.h: what a worker may at most. It is root, and reads what guests and VMMs say. */
#ifndef DM_WORKERS_HOST_RIGHTS_H
#define DM_WORKERS_HOST_RIGHTS_H

#include "base/err.h"

/* Gives up, for good and for all that it will ever start, every capability that it has no use for, whatever the
 * execution of a file could grant, and the system calls of workers/vmm/jail/filter.h. Before any thread is started.
 * Whoever is not root has nothing to give up, and keeps that. */
int dm_rights_reduce(dm_err *err) DM_NODISCARD;

#endif
