/* workers/guest/process/pty.h: a pseudo-terminal for a process. */
#ifndef DM_WORKERS_GUEST_PROCESS_PTY_H
#define DM_WORKERS_GUEST_PROCESS_PTY_H

#include "workers/guest/rpc/message.h"
#include "workers/guest/who/user.h"

/* child: the terminal three times. in and out: our side, non-blocking, twice. All are the caller's; on failure what was
 * opened stands in them. Without a size the terminal is 0 by 0. */
int dm_pty_open(const dm_m_pty *pty, const dm_user *user, int child[3], int *in, int *out, dm_err *err) DM_NODISCARD;

int dm_pty_resize(int fd, const dm_m_size *size, dm_err *err) DM_NODISCARD;

#endif
