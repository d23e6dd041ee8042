/* base/exec.h: a small bounded pool of threads for what blocks. A job is the caller's memory, so queueing cannot fail
 * for want of it; only for want of room. The threads take no signals. */
#ifndef DM_BASE_EXEC_H
#define DM_BASE_EXEC_H

#include "base/err.h"

enum { DM_EXEC_FULL = 1 };           /* the queue is at its bound: nothing was taken */
enum { DM_EXEC_THREADS_MAX = 1024 }; /* as many as any setting may name */

typedef struct dm_exec dm_exec;

typedef struct dm_job {
    struct dm_job *next;
    void (*fn)(struct dm_job *job); /* runs on a pool thread; may free the job */
} dm_job;

/* threads is 1 to DM_EXEC_THREADS_MAX, queue_max at least 1; a thread is there from the beginning, busy or not. */
int dm_exec_new(unsigned threads, unsigned queue_max, dm_exec **out, dm_err *err) DM_NODISCARD;
void dm_exec_free(dm_exec *e); /* runs what is queued, then joins; nobody may submit any more */
DM_DEFINE_FREEP(dm_exec)

/* 0 or DM_EXEC_FULL. Any thread. */
int dm_exec_submit(dm_exec *e, dm_job *job) DM_NODISCARD;
unsigned dm_exec_waiting(dm_exec *e); /* jobs no thread has begun; for tests, which wait for 0 */

#endif
