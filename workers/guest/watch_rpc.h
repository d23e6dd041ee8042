/* workers/guest/watch_rpc.h: the watching methods, for the table in fs_rpc.c. */
#ifndef DM_GUEST_WATCH_RPC_H
#define DM_GUEST_WATCH_RPC_H

#include "workers/guest/rpc.h"

extern const dm_m_watch_reply dm_watch_keepalive;

void dm_watch_stream(dm_rpc *c, const void *in);
void dm_watch_stream_room(dm_rpc *c);
void dm_watch_stream_gone(dm_rpc *c);
void dm_watch_create(dm_rpc *c, const void *in);
void dm_watch_get(dm_rpc *c, const void *in);
void dm_watch_remove(dm_rpc *c, const void *in);

#endif
