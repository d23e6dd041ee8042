/* workers/vmm/proc.h: a VMM process: started with exactly the descriptors it is given, watched by pidfd, recognised
 * after our own death by boot, pid and start time. */
#ifndef DM_WORKERS_VMM_PROC_H
#define DM_WORKERS_VMM_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum { DM_PROC_FDS = 24 };

typedef struct dm_proc {
    pid_t pid;
    int pidfd;
    uint64_t start; /* clock ticks since boot */
    bool child;     /* of ours: its status can be had */
} dm_proc;

/* What the process gets, and no more: from is ours (borrowed), to its number there, below 64. 0, 1 and 2 are /dev/null
 * unless given. */
typedef struct dm_proc_fd {
    int from, to;
} dm_proc_fd;

/* argv ends in NULL; argv[0] is a path. A session of its own, no signals blocked, no environment but PATH and LANG.
 * no core files; file_max: bytes it may write to one file. DM_PROC_APART: process 1 of a pid namespace of its own, and
 * our child all the same; pid is ours for it. Where memory runs
 * out it ends before us. */
enum dm_proc_flag { DM_PROC_APART = 1 };
int dm_proc_spawn(const char *const *argv, const dm_proc_fd *fds, size_t n, unsigned flags, uint64_t file_max,
        dm_proc *out, dm_err *err) DM_NODISCARD;

/* Starts it the same way, in the calling thread's namespaces, and waits for its end; past limit_ms it is killed and the
 * answer is DM_E_TIMEOUT. *status: as of waitpid. */
int dm_proc_run(const char *const *argv, const dm_proc_fd *fds, size_t n, unsigned limit_ms, int *status,
        dm_err *err) DM_NODISCARD;

/* Remembers the process in a file, finds it again: DM_E_NOTFOUND when it is gone, or the file is. */
int dm_proc_remember(const dm_proc *p, const char *path, dm_err *err) DM_NODISCARD;
int dm_proc_recall(const char *path, dm_proc *out, dm_err *err) DM_NODISCARD;

/* /proc/PID of this very process, also when it dies meanwhile. The caller's. */
int dm_proc_dir(const dm_proc *p, int *out, dm_err *err) DM_NODISCARD;

/* The process is gone: the wait status, or -1 when it was no child of ours. */
int dm_proc_reap(dm_proc *p);
/* SIGKILL, waits for the end, reaps, closes the descriptor. False when it is not dead within a second: then all but the
 * killing is still to do. */
bool dm_proc_kill(dm_proc *p);

#endif
