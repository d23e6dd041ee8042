/* workers/guest/http/exchange.h: one request and its answer, as a handler sees them. On the loop's thread.
 *
 * The server's route function has read the head and picks a handler or answers at once. The body comes to the handler
 * in pieces as it arrives, and the answer may begin, and end, before the body is whole: that is what an upload onto a
 * full disk and a stream with an early error need, and why no library server is used.
 *
 * Reentrancy: nothing here ever calls a handler from inside a dm_x_* call. A broken peer is noticed there but told
 * (through gone) in a later turn of the loop, so lists of exchanges may be walked while writing to them.
 *
 * Bounds: what a request holds is charged to a budget that all share; the queue of an answer has a mark (a producer
 * asks dm_x_full and waits for room). */
#ifndef DM_WORKERS_GUEST_HTTP_EXCHANGE_H
#define DM_WORKERS_GUEST_HTTP_EXCHANGE_H

#include <sys/types.h>

#include "base/buf.h"

#include "workers/guest/http/head.h"
#include "workers/guest/limits.h"

typedef struct dm_x dm_x;

/* Any member but gone may be NULL. */
typedef struct dm_handler {
    void (*body)(void *h, dm_str piece); /* request bytes; all of the piece is used. NULL: they are dropped */
    void (*end)(void *h);                /* the request's body is whole */
    void (*room)(void *h);               /* the queue was full and has room again */
    void (*gone)(void *h);               /* last call: answered, or the connection is lost. h is freed here */
} dm_handler;

typedef void (*dm_route_fn)(void *arg, dm_x *x);

/* False when the budget is used up. What is charged is given back by dm_x_uncharge or at the exchange's end. */
bool dm_x_charge(dm_x *x, size_t bytes) DM_NODISCARD;
void dm_x_uncharge(dm_x *x); /* all of it */

/* --- the request; valid until gone -------------------------------------------------------------------------- */

const dm_head *dm_x_head(const dm_x *x);
/* Percent-decoded; "" when that fails or does not fit. */
const char *dm_x_path(const dm_x *x);

/* Gives the exchange to a handler; called once, from the route function, unless it answers itself. */
void dm_x_handle(dm_x *x, const dm_handler *handler, void *h);

/* Holds back further body pieces, and lets them come again. A hold does not take back the piece being handled. */
void dm_x_hold(dm_x *x);
void dm_x_release(dm_x *x);

/* --- the answer --------------------------------------------------------------------------------------------- */

/* A head field of the answer, before it is begun. Values must not hold line ends. */
void dm_x_field(dm_x *x, const char *name, const char *fmt, ...) DM_PRINTF(3, 4);

/* One of these begins the answer (and, but for dm_x_stream, ends it). */
void dm_x_reply(dm_x *x, int status, dm_str body);       /* Content-Length */
void dm_x_reply_take(dm_x *x, int status, dm_buf *body); /* the bytes move, nothing is copied */
void dm_x_reply_none(dm_x *x, int status);               /* no body and, for 204 and 304, no length */
void dm_x_stream(dm_x *x, int status);                   /* chunked (an HTTP/1.0 peer: until close) */

/* A file's bytes. fd moves to the exchange; it may be given again for the parts of one multi-part answer, between
 * dm_x_parts (which begins an answer of a known length) and dm_x_finish. */
void dm_x_parts(dm_x *x, int status, uint64_t length);
void dm_x_part_text(dm_x *x, dm_str text);
void dm_x_part_file(dm_x *x, int fd, off_t from, uint64_t length); /* fd is borrowed until dm_x_keep_fd's is closed */
void dm_x_keep_fd(dm_x *x, int fd);                                /* closed at the exchange's end */

/* Stream only: one chunk. Goes out with the next flush. */
void dm_x_write(dm_x *x, dm_str chunk);
void dm_x_flush(dm_x *x);
bool dm_x_full(dm_x *x);   /* and arms room() */
void dm_x_finish(dm_x *x); /* ends the answer properly; flushes */
/* Breaks the connection by a reset, so that the peer cannot take what it got for whole. */
void dm_x_abort(dm_x *x);

#endif
