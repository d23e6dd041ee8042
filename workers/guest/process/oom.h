/* workers/guest/process/oom.h: which processes the kernel has killed for memory, read from its log. Only then may the
 * end of a process say so. */
#ifndef DM_WORKERS_GUEST_PROCESS_OOM_H
#define DM_WORKERS_GUEST_PROCESS_OOM_H

#include <sys/types.h>

#include "base/loop.h"
#include "base/str.h"

typedef struct dm_oom dm_oom;

typedef void (*dm_oom_fn)(void *arg, pid_t pid, const char *comm);

/* Reads from now on; fn is called for each kill. */
int dm_oom_new(dm_loop *loop, dm_oom_fn fn, void *arg, dm_oom **out, dm_err *err) DM_NODISCARD;
void dm_oom_free(dm_oom *o);
DM_DEFINE_FREEP(dm_oom)

/* Whether the log says so of pid; looks at what has come meanwhile first. A yes is given once. */
bool dm_oom_killed(dm_oom *o, pid_t pid);

/* "...;Out of memory: Killed process 71 (python3) total-vm:..." in the form of /dev/kmsg. */
bool dm_oom_parse(dm_str record, pid_t *pid, char comm[16]);

/* What to do about it, with the next larger size by name. */
void dm_oom_cure(char *out, size_t size);

#endif
