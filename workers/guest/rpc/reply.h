/* workers/guest/rpc/reply.h: the answers that are no file and no RPC. */
#ifndef DM_WORKERS_GUEST_RPC_REPLY_H
#define DM_WORKERS_GUEST_RPC_REPLY_H

#include "workers/guest/http/exchange.h"
#include "workers/guest/rpc/connect.h"

/* {"code":status,"message":"..."} with a line end, as the file routes and the token check answer. */
void dm_reply_error(dm_x *x, int status, const char *fmt, ...) DM_PRINTF(3, 4);

/* text/plain; a line end is added. */
void dm_reply_text(dm_x *x, int status, const char *text);

/* The buffer as JSON (its bytes move), or a 500 when it failed. */
void dm_reply_json(dm_x *x, dm_buf *body);

/* A Connect error where no method is running: for a stream's content type a whole 200 answer with one end envelope,
 * else the status of the code. */
void dm_reply_connect(dm_x *x, dm_connect_code code, const char *message);

#endif
