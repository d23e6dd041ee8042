/* workers/guest/setup.h: the agent's context made and unmade: every part of it, and the server that begins to serve.
 * Above all of them. */
#ifndef DM_WORKERS_GUEST_SETUP_H
#define DM_WORKERS_GUEST_SETUP_H

#include "workers/guest/who/guest.h"

/* All but oom; listens on the port. clock, loop and log are borrowed. */
typedef struct dm_guest_conf {
    dm_loop *loop;
    const dm_clock *clock;
    dm_log *log;
    uint16_t port;
    bool loopback_only;
} dm_guest_conf;

int dm_guest_new(const dm_guest_conf *conf, dm_guest **out, dm_err *err) DM_NODISCARD;
/* Processes that run are left alone. */
void dm_guest_free(dm_guest *g);
DM_DEFINE_FREEP(dm_guest)

#endif
