/* workers/vmm/jail/filter.h: which of the kernel's calls a VMM may not make, and which a worker never needs. What is
 * refused fails as it would on a kernel that has no such call, or for lack of a right; nothing is ever killed. */
#ifndef DM_WORKERS_VMM_JAIL_FILTER_H
#define DM_WORKERS_VMM_JAIL_FILTER_H

#include "base/err.h"

/* For a VMM: a program for the kernel, written to fd at its place. */
int dm_filter_vmm(int fd, dm_err *err) DM_NODISCARD;

/* For the calling thread from here on, and whatever it starts. */
int dm_filter_worker(dm_err *err) DM_NODISCARD;

#endif
