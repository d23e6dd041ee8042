/* workers/host/shown.h: what is shown of a sandbox that runs (base/wire/worker.h, usage): what the worker measured of
 * it in the last second, and of its memory and disk what its guest said last, as long as that is fresh. Shown, never
 * billed.
 *
 * No request waits for a guest, and none makes one speak: a look only says that somebody cares. Guests that somebody
 * cares about are asked on the worker's own clock, each once in DM_SHOWN_EVERY_S at most, so many in a second
 * (limits.h); one that does not answer costs its own figures. Belongs to the worker's loop. */
#ifndef DM_WORKERS_HOST_SHOWN_H
#define DM_WORKERS_HOST_SHOWN_H

#include "workers/host/box.h"

/* Its machine is another one: what the last one's guest said means nothing. */
void dm_shown_afresh(dm_shown *s);
/* This second of b was measured. Asks its guest, if it is time to. */
void dm_shown_second(dm_box *b, const dm_sample *measured, int64_t second);
/* For somebody who looks. second is 0 while nothing was measured. b runs. */
void dm_shown_look(dm_box *b, dm_wk_usage *out);

#endif
