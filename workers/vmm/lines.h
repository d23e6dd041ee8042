/* workers/vmm/lines.h: a stream socket that carries one message a line, on the loop: what QMP and the guest's agent
 * speak. The peer is not trusted: lines, what waits to be sent, and lines per moment are bounded; a peer that talks
 * faster is read slower, so it waits in its own buffers. */
#ifndef DM_WORKERS_VMM_LINES_H
#define DM_WORKERS_VMM_LINES_H

#include "base/loop.h"
#include "base/str.h"

typedef struct dm_lines dm_lines;

/* line is borrowed and without its newline. May free the dm_lines. */
typedef void (*dm_lines_line_fn)(void *arg, dm_str line);
/* Once, from the loop: the peer is gone or broke a bound. Nothing is read or sent afterwards. May free the dm_lines. */
typedef void (*dm_lines_end_fn)(void *arg, const dm_err *why);

typedef struct dm_lines_config {
    size_t line_max;    /* a longer line ends the stream with DM_E_PROTO ... */
    bool skip_long;     /* ... or is passed over, up to its newline */
    size_t send_max;    /* bytes that may wait to be sent */
    unsigned burst;     /* lines in 100 ms */
    size_t burst_bytes; /* and bytes, give or take one read; 0: any number */
    dm_lines_line_fn on_line;
    dm_lines_end_fn on_end;
    void *arg;
} dm_lines_config;

/* fd becomes theirs on 0. */
int dm_lines_new(dm_loop *loop, int fd, const dm_lines_config *config, dm_lines **out, dm_err *err) DM_NODISCARD;
void dm_lines_free(dm_lines *l);
DM_DEFINE_FREEP(dm_lines)
void dm_lines_keep_fd(dm_lines *l); /* the descriptor is the caller's again; only dm_lines_free may follow */

/* Queues the bytes, newline included. pass_fd (borrowed, -1: none) travels beside them; it must find the queue empty,
 * or the call fails with DM_E_CONFLICT. */
int dm_lines_send(dm_lines *l, dm_str bytes, int pass_fd, dm_err *err) DM_NODISCARD;

#endif
