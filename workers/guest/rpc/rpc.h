/* workers/guest/rpc/rpc.h: a Connect call in progress. A method says what it takes and gives in terms of the tables of
 * message.h; this file knows envelopes, codecs, deadlines and keepalives, so that a method knows none of them.
 *
 * A server stream answers with dm_rpc_open, any number of dm_rpc_send, then dm_rpc_done or dm_rpc_fail. A unary method
 * and a client stream answer with dm_rpc_reply or dm_rpc_fail. After the end of a call what is sent to it is dropped,
 * until gone() says that the call's memory goes. */
#ifndef DM_WORKERS_GUEST_RPC_RPC_H
#define DM_WORKERS_GUEST_RPC_RPC_H

#include "workers/guest/http/exchange.h"
#include "workers/guest/rpc/connect.h"
#include "workers/guest/rpc/message.h"
#include "workers/guest/who/guest.h"

typedef struct dm_rpc dm_rpc;

enum dm_rpc_kind { DM_RPC_UNARY, DM_RPC_SERVER_STREAM, DM_RPC_CLIENT_STREAM };

typedef struct dm_rpc_method {
    const char *path;
    enum dm_rpc_kind kind;
    const dm_mdesc *in, *out;
    /* The request's message; a client stream's each. Its strings live until the call is over, a client stream's until
     * the function returns. */
    void (*message)(dm_rpc *c, const void *in);
    void (*end)(dm_rpc *c);  /* client stream: the input is over */
    void (*room)(dm_rpc *c); /* may be NULL */
    void (*gone)(dm_rpc *c); /* may be NULL */
    const void *keepalive;   /* what is sent into a silent stream; NULL: nothing */
    bool own_deadline;       /* the method looks after timeout_ms itself */
} dm_rpc_method;

/* Public to methods: */
struct dm_rpc {
    dm_guest *g;
    dm_user user;       /* whom the request named, else the default */
    int64_t timeout_ms; /* -1: none */
    void *state;        /* the method's */
    /* the rest is rpc.c's */
    dm_x *x;
    const dm_rpc_method *method;
    const dm_codec *codec;
    bool charset, gzip, over, opened, sent;
    dm_message message;
    dm_buf body;
    dm_frames frames;
    unsigned frames_seen;
    unsigned keepalive_s;
    int64_t last_us;
    dm_timer *keepalive_timer, *deadline_timer;
    bool held;
};

/* Takes over the exchange, whose path is the method's. */
void dm_rpc_begin(dm_guest *g, dm_x *x, const dm_user *user, const dm_rpc_method *method);

void dm_rpc_reply(dm_rpc *c, const void *out);
void dm_rpc_fail(dm_rpc *c, dm_connect_code code, const char *fmt, ...) DM_PRINTF(3, 4);

void dm_rpc_open(dm_rpc *c);
void dm_rpc_send(dm_rpc *c, const void *out); /* queued; goes out with the next flush, done or fail */
void dm_rpc_flush(dm_rpc *c);
void dm_rpc_done(dm_rpc *c);
/* The peer does not keep up: wait for room(). Never true for a call that is over. */
bool dm_rpc_full(dm_rpc *c);

/* Client stream: no further message until released. */
void dm_rpc_hold(dm_rpc *c);
void dm_rpc_release(dm_rpc *c);

#endif
