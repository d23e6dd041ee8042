/* workers/guest/process/process.h: the processes started through the agent: their output to whoever listens, their
 * input, their end.
 *
 * A process ends for its listeners when it has exited and both its pipes are at their end, so a background child that
 * holds a pipe delays that; not so after our own signal or time limit and not for a terminal: then what stands in the
 * pipe is still delivered and that is it. Output goes to all listeners at the pace of the slowest; without listeners it
 * is read and dropped, so that the process never waits for nobody. How it ended is kept for half a minute for late
 * comers. Nobody's leaving ends a process. */
#ifndef DM_WORKERS_GUEST_PROCESS_PROCESS_H
#define DM_WORKERS_GUEST_PROCESS_PROCESS_H

#include "workers/guest/limits.h"
#include "workers/guest/process/env.h"
#include "workers/guest/rpc/message.h"
#include "workers/guest/rpc/rpc.h"
#include "workers/guest/who/guest.h"

typedef struct dm_proc dm_proc;

int dm_procs_new(dm_guest *g, dm_procs **out, dm_err *err) DM_NODISCARD;
void dm_procs_free(dm_procs *p);
DM_DEFINE_FREEP(dm_procs)

/* Reaps everything that has exited, orphans included; called when SIGCHLD says so. */
void dm_procs_reap(dm_procs *p);
unsigned dm_procs_count(const dm_procs *p);
/* No late comer learns of what has ended so far. */
void dm_procs_forget_ended(dm_procs *p);
/* Monotonic time of the last output. */
int64_t dm_procs_active_us(const dm_procs *p);

enum {
    DM_PROC_BAD_CWD = 1,
    DM_PROC_TOO_LONG = 2,
    DM_PROC_FULL = 3, /* DM_PROCS_MAX */
};

/* Starts what the request describes as c's user and makes c its first listener: opens c and sends the start event.
 * Takes over c's message, which the request's strings live in. On a positive outcome or a failure nothing runs. */
int dm_proc_start(dm_procs *p, dm_rpc *c, const dm_m_start *req, dm_err *err) DM_NODISCARD;

/* NULL when nothing like that runs. */
dm_proc *dm_proc_find(dm_procs *p, const dm_m_selector *sel);

/* Another listener: opens c, sends the start event. False at DM_PROC_LISTENERS_MAX. */
bool dm_proc_listen(dm_proc *proc, dm_rpc *c);
/* The same for one that has ended lately: start and end. False when there is none. */
bool dm_proc_replay(dm_procs *p, const dm_m_selector *sel, dm_rpc *c);
/* A listener has room again / goes. Both do nothing for one that listens to nothing. */
void dm_proc_listener_room(dm_rpc *c);
void dm_proc_listener_gone(dm_rpc *c);

bool dm_proc_is_pty(const dm_proc *proc);
int dm_proc_resize(dm_proc *proc, const dm_m_size *size, dm_err *err) DM_NODISCARD;
int dm_proc_signal(dm_proc *proc, int signal, dm_err *err) DM_NODISCARD;
uint32_t dm_proc_pid(const dm_proc *proc);

/* All that run, for List; strings are borrowed from the processes. */
int dm_procs_list(dm_procs *p, dm_message *memory, dm_m_list *out, dm_err *err) DM_NODISCARD;

/* --- input (input.c) ---------------------------------------------------------------------------------------- */

typedef void (*dm_input_done)(dm_rpc *c, int sys);

enum { DM_INPUT_LATER = 1 };

/* Writes all of the bytes in their turn. 0: done. LATER: done(c, 0 or errno) comes when it is, unless c forgets. */
int dm_proc_input(dm_proc *proc, dm_rpc *c, dm_str bytes, bool pty, dm_input_done done, dm_err *err) DM_NODISCARD;
/* No done for c will come any more; what it had not written is lost. */
void dm_proc_input_forget(dm_procs *p, dm_rpc *c);
/* After what waits has been written. Twice is fine. */
void dm_proc_close_input(dm_proc *proc);

#endif
