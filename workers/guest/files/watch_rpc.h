/* workers/guest/files/watch_rpc.h: the methods of filesystem.Filesystem that watch, for the routes, and the watchers
 * that clients poll: those live until they are removed, at most DM_WATCHERS_MAX, each with a bounded list of events. */
#ifndef DM_WORKERS_GUEST_FILES_WATCH_RPC_H
#define DM_WORKERS_GUEST_FILES_WATCH_RPC_H

#include "workers/guest/limits.h"
#include "workers/guest/rpc/rpc.h"

/* Ended by a NULL path. */
extern const dm_rpc_method dm_watch_methods[];

int dm_watchers_new(dm_guest *g, dm_watchers **out, dm_err *err) DM_NODISCARD;
void dm_watchers_free(dm_watchers *w);
DM_DEFINE_FREEP(dm_watchers)

#endif
