/* workers/guest/self/forward.h: what listens on the loopback address only, for the door. Such a server is given a
 * second port on the machine's outer address; what comes there is passed on to it byte for byte, ends and breaks
 * included. The server's own port is left alone, so that any program may bind it at any time, and nothing is watched
 * while nobody comes.
 *
 * Bounds: FORWARDS second ports (the one longest unasked makes way), PAIRS connections, for each direction one buffer
 * that is only there while the other side does not read. */
#ifndef DM_WORKERS_GUEST_SELF_FORWARD_H
#define DM_WORKERS_GUEST_SELF_FORWARD_H

#include "base/loop.h"

#include "workers/guest/limits.h"
#include "workers/guest/self/listen.h"

typedef struct dm_forwards dm_forwards;

/* loopback_only: second ports are on the loopback address, too (a native run). */
int dm_forwards_new(dm_loop *loop, bool loopback_only, dm_forwards **out, dm_err *err) DM_NODISCARD;
void dm_forwards_free(dm_forwards *f);
DM_DEFINE_FREEP(dm_forwards)

/* The second port of the server at `at`, made if need be. */
int dm_forwards_open(dm_forwards *f, const dm_listening *at, uint16_t *out, dm_err *err) DM_NODISCARD;
/* Breaks every connection; the ports stay. */
void dm_forwards_drop(dm_forwards *f);
unsigned dm_forwards_pairs(const dm_forwards *f);

#endif
