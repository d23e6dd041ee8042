/* workers/guest/who/guest.h: the agent's context, passed down to everything; setup.h makes it. One thread, one loop, no
 * locks. */
#ifndef DM_WORKERS_GUEST_WHO_GUEST_H
#define DM_WORKERS_GUEST_WHO_GUEST_H

#include "base/log.h"
#include "base/loop.h"

#include "workers/guest/who/identity.h"
#include "workers/guest/who/metrics.h"
#include "workers/guest/who/user.h"

typedef struct dm_procs dm_procs;
typedef struct dm_watchers dm_watchers;
typedef struct dm_oom dm_oom;
typedef struct dm_server dm_server;
typedef struct dm_forwards dm_forwards;

typedef struct dm_guest {
    dm_loop *loop;
    const dm_clock *clock;
    dm_log *log;
    dm_identity identity;
    int64_t era; /* rises with each resume: connections of an older one are not this sandbox's any more */
    dm_cpu_mark cpu;
    dm_users *users;
    dm_procs *procs;
    dm_watchers *watchers;
    dm_server *server;
    dm_forwards *forwards;
    dm_oom *oom;                                                    /* NULL in a native run */
    void (*say)(void *arg, const char *level, const char *message); /* into the sandbox's log; NULL natively */
    void *say_arg;
} dm_guest;

/* The user of that name as the sandbox's root knows it now; NULL: the default user. 0, or 1 after the refusal was put
 * into message. */
int dm_guest_user(dm_guest *g, const char *name, dm_user *out, char *message, size_t size) DM_NODISCARD;

/* A line for the sandbox's log: what was refused or ended, and the cure. */
void dm_guest_say(dm_guest *g, const char *level, const char *message);

#endif
