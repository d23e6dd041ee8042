/* workers/guest/files/rpc.h: the methods of filesystem.Filesystem but for watching, for the routes, and what those that
 * watch (watch_rpc.h) have in common with them. */
#ifndef DM_WORKERS_GUEST_FILES_RPC_H
#define DM_WORKERS_GUEST_FILES_RPC_H

#include "workers/guest/rpc/rpc.h"
#include "workers/guest/who/path.h"

/* Ended by a NULL path. */
extern const dm_rpc_method dm_filesystem_methods[];

/* Fails the call with the code that an error of the file system has on the wire. */
void dm_fs_fail(dm_rpc *c, const dm_err *err);

/* The request's path, resolved; false after the call was failed. */
bool dm_fs_path(dm_rpc *c, const char *asked, dm_guest_path *out);

#endif
