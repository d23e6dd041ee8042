/* workers/host/live.h: the door's live files, ID.EPOCH.ADDRESS in a folder of their own, one a running sandbox. The
 * door looks for its file at each request: what has none is not found there, whatever anybody remembers. */
#ifndef DM_WORKERS_HOST_LIVE_H
#define DM_WORKERS_HOST_LIVE_H

#include "workers/host/box.h"

/* Also where it is there already, or is not there; for a box without a machine, and so without an address, nothing is
 * done. */
int dm_live_make(const char *dir, const dm_box *b, dm_err *err) DM_NODISCARD;
int dm_live_remove(const char *dir, const dm_box *b, dm_err *err) DM_NODISCARD;

#endif
