/* workers/guest/http/conn_parts.h: what the four files of the server share, each calling only those below it: server.c
 * (accepting), conn.c (life and requests), answer.c (answers), conn_out.c (what goes out). Nobody else includes it. */
#ifndef DM_WORKERS_GUEST_HTTP_CONN_PARTS_H
#define DM_WORKERS_GUEST_HTTP_CONN_PARTS_H

#include <time.h>

#include "base/loop.h"

#include "workers/guest/http/exchange.h"

enum {
    DM_CONN_SCRATCH = 256 * 1024,   /* read at a time, into memory that all connections share */
    DM_CONN_DRAIN_MAX = 256 * 1024, /* an unread body up to this is read and dropped, to keep the connection */
    DM_CONN_FIELDS_MAX = 16 * 1024,
    DM_CONN_PATH_MAX = 256,
};

/* A piece of an answer on its way out: bytes, or a range of a file. */
typedef struct dm_seg {
    struct dm_seg *next;
    dm_buf b;
    size_t at;
    int fd; /* -1: bytes */
    off_t from;
    uint64_t left;
} dm_seg;

enum state {
    ST_HEAD,   /* reading a head, or idle */
    ST_BODY,   /* reading a body; the answer may be under way */
    ST_ANSWER, /* body whole, answer under way */
    ST_DRAIN,  /* answered; dropping what is left of the body */
    ST_LINGER, /* our side is shut; waiting for the peer to close */
    ST_DEAD,   /* fd closed; freed in the next turn */
};

struct dm_x {
    const dm_handler *handler;
    void *h;
    char *block; /* owns what head points into */
    dm_head head;
    char path[DM_CONN_PATH_MAX];
    dm_chunked chunked_in;
    uint64_t body_left;
    size_t charged;
    dm_buf fields;
    int kept_fd;
    bool held;
    bool body_over;
    bool begun;
    bool chunked_out;
    bool streaming;
    bool done;
    bool close_after;
    bool want_room;
};

typedef struct dm_server dm_server;

typedef struct dm_conn {
    dm_x x; /* first: an exchange is its connection */
    dm_server *s;
    struct dm_conn *prev, *next;
    int fd;
    dm_watch *watch;
    dm_timer *timer;
    uint32_t events;
    enum state state;
    int64_t generation;
    dm_buf in;
    size_t head_seen;
    size_t in_charged;
    uint64_t dropped;
    dm_seg *first, *last;
    size_t queued;
    bool in_turn, posted, broken, reset;
    bool eof;     /* read to the end */
    bool fin;     /* the peer has shut its side; bytes may still wait to be read */
    dm_call call; /* its turn */
} dm_conn;

struct dm_server {
    dm_loop *loop;
    dm_route_fn route;
    void *route_arg;
    void (*left)(dm_server *s); /* a connection has gone */
    int fd;
    dm_watch *watch;
    dm_conn *conns;
    unsigned count;
    bool paused;
    int64_t generation;
    int64_t active_us;
    size_t budget, held_bytes;
    char *scratch;
    time_t date_s;
    char date[40];
};

static inline dm_conn *dm_conn_of(dm_x *x)
{
    return (dm_conn *)x;
}

/* --- conn_out.c --------------------------------------------------------------------------------------------- */

/* A turn for the connection: the one that is under way, or one of its own. */
void dm_conn_later(dm_conn *c);
/* A turn of its own. */
void dm_conn_post(dm_conn *c);
/* The connection cannot go on; closed (by a reset) in its next turn. */
void dm_conn_break(dm_conn *c);
/* Asks the loop for what the connection now waits for. */
void dm_conn_update_events(dm_conn *c);

/* Three ways into the queue; each breaks the connection when there is no memory. put copies, take moves the bytes, and
 * a file's descriptor is borrowed until its bytes are out. */
void dm_conn_put(dm_conn *c, dm_str bytes);
void dm_conn_put_take(dm_conn *c, dm_buf *bytes);
void dm_conn_put_file(dm_conn *c, int fd, off_t from, uint64_t length);
void dm_conn_flush(dm_conn *c);
void dm_conn_drop_queue(dm_conn *c);

/* --- answer.c ----------------------------------------------------------------------------------------------- */

const char *dm_conn_reason(int status);

/* --- conn.c ------------------------------------------------------------------------------------------------- */

/* Takes over the descriptor and serves what is there already. Negative without memory; the descriptor then stays. */
int dm_conn_new(dm_server *s, int fd);
void dm_conn_close(dm_conn *c);

#endif
