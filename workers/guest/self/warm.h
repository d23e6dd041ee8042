/* workers/guest/self/warm.h: walks the agent's own paths before a snapshot is taken of it: a connection to itself, a
 * request, a program started, its pipes, its end. What runs first after a restore has then run before, and its pages
 * are there. */
#ifndef DM_WORKERS_GUEST_SELF_WARM_H
#define DM_WORKERS_GUEST_SELF_WARM_H

#include "workers/guest/limits.h"
#include "workers/guest/who/guest.h"

typedef struct dm_warm dm_warm;

typedef void (*dm_warm_done)(void *arg, const dm_err *err); /* err NULL: all rounds went well */

/* done is called from the loop; the job frees itself before that. Freeing it earlier calls nothing. */
int dm_warm_new(dm_guest *g, unsigned rounds, uint16_t port, dm_warm_done done, void *arg, dm_warm **out,
        dm_err *err) DM_NODISCARD;
void dm_warm_free(dm_warm *w);

#endif
