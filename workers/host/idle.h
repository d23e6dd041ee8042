/* workers/host/idle.h: sleep when idle: a sandbox that was created so is put to sleep when for so many seconds nothing
 * has reached or left it by its network, and it has used next to no CPU. Both are what the worker itself measures each
 * second of what runs (seconds.c): a request, its answer, and a stream that is kept open are frames of its slot, and so
 * is whatever its processes send to anybody; to be looked at (shown.h) is none. On the loop's thread. */
#ifndef DM_WORKERS_HOST_IDLE_H
#define DM_WORKERS_HOST_IDLE_H

#include "base/wire/frame.h"

#include "workers/host/box.h"

enum {
    DM_IDLE_CPU_US =
            50 * 1000, /* of one second, with all that its VMM takes: less is what a kernel with nothing to do uses */
    DM_IDLE_NET = 256, /* bytes of one second: neighbours that ask for each other's address say less */
};

/* It was handed out, or taken over from a dead worker: its time begins anew. */
static inline void dm_idle_afresh(dm_box *b)
{
    b->idle.since_s = 0;
}

/* What was measured of that second, and how many bytes reached and left it. One whose time is over is lined up, for
 * life.c to put to sleep when the second is framed. */
void dm_idle_second(dm_box *b, const dm_sample *measured, uint64_t net_bytes, int64_t second);

#endif
