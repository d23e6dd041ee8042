/* workers/guest/process/rpc.h: the methods of process.Process, for the routes. */
#ifndef DM_WORKERS_GUEST_PROCESS_RPC_H
#define DM_WORKERS_GUEST_PROCESS_RPC_H

#include "workers/guest/rpc/rpc.h"

/* Ended by a NULL path. */
extern const dm_rpc_method dm_process_methods[];

#endif
