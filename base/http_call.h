/* base/http_call.h: one request from its first line to its answer (http_call.c), and what it shares with http.c above
 * it (sockets, threads, starting and stopping). For nobody else.
 *
 * Who holds a request, and when it goes. A call has up to two holders. The connection (CONN) holds it from the request
 * line until libmicrohttpd says that the request is completed. The work (WORK) holds it from dispatch until
 * dm_req_done. Whoever leaves last frees it. `held`, `conn`, `phase` and the list belong to the server's lock;
 * everything else belongs to the side whose turn it is:
 *
 *     READING:   the libmicrohttpd thread of the connection.
 *
 *     WORKING:   the handler's side. The connection is suspended, so libmicrohttpd neither reads it, nor times it out,
 *                nor notices that the client has left: the completion callback cannot come before the resume.
 *
 *     ANSWERED:  the libmicrohttpd thread again.
 *
 * dm_req_done makes the reply without the lock, then takes it, and resumes only when `conn` is still there.
 * dm_http_stop takes `conn` away from what is not answered when its grace is over, resumes the connection itself
 * (libmicrohttpd panics when it is stopped with suspended connections) and lets it be closed; the late answer then
 * finds nobody and is dropped. A call also keeps the server's memory, so that an answer later even than dm_http_free is
 * harmless. */
#ifndef DM_BASE_HTTP_CALL_H
#define DM_BASE_HTTP_CALL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/http_listen.h"
#include "base/http_route.h"
#include "base/line.h"

/* An answer that goes on (http_stream.c): the handler's side holds the call as work until dm_stream_end. All of it
 * belongs to the server's lock. With nothing to send, the connection is suspended as that of a request that waits. */
struct dm_stream {
    struct MHD_Connection *conn; /* once the answer has begun */
    dm_buf out;                  /* from `at` on */
    size_t at, max;
    bool on, ending, cut;
};

enum phase { READING, WORKING, ANSWERED };
enum { HELD_BY_CONN = 1, HELD_BY_WORK = 2 };

typedef struct http_call {
    dm_exchange x;    /* first */
    dm_line_job turn; /* its job stands in the queue of a loop */
    dm_http *h;
    struct http_call *prev, *next;
    struct MHD_Connection *conn; /* to be resumed by whoever takes it */
    enum phase phase;
    unsigned held;
    bool opened; /* x is */
    char *target;
    dm_buf body;
    uint64_t discarded;
    dm_stream stream;
} http_call;

struct dm_http {
    dm_http_config config;
    struct MHD_Daemon *mhd;
    dm_line *line;
    dm_listeners *listeners;
    pthread_t acceptor;
    int stop_fd; /* wakes the acceptor */
    bool accepting, stopped;
    uint16_t port;

    pthread_mutex_t lock;
    pthread_cond_t idle;
    http_call *calls;  /* those a connection holds */
    unsigned arriving; /* connections given to libmicrohttpd whose thread has not yet taken them up */
    unsigned refs;     /* dm_http_free's, and one for each call */
    bool draining;     /* answers say Connection: close */
    bool closing;      /* nothing is dispatched any more */

    /* Dispatch to a loop: a queue of our own, so that nothing is left in the loop when we go. */
    int wake_fd;
    dm_watch *watch;
    dm_job *first, *last;
    unsigned queued;

    atomic_uint_fast64_t ids;
    atomic_size_t body_bytes;
    atomic_uint open; /* connections accepted and not yet closed */
};

/* http_hold.c. Lets go of dm_http_free's reference; the server's memory goes with the last. */
void dm_http_unref(dm_http *h);
/* Ends a hold of a call; frees with the last one. */
void dm_http_leave(http_call *c, unsigned holder);

/* http_stream.c. The owner's side of dm_req_stream; the answer of a call that streams, NULL for want of memory; and
 * with the server's lock, when it stops: wakes all that sleep, so that they end. */
int dm_http_stream(dm_exchange *x, size_t max, dm_stream **out, dm_err *err) DM_NODISCARD;
struct MHD_Response *dm_http_stream_response(http_call *c, struct MHD_Connection *conn);
void dm_http_end_streams(dm_http *h);

/* Runs on the loop: everything that has been dispatched to it so far, not what comes meanwhile. */
void dm_http_woken(void *arg, uint32_t events);
/* Lets go of what was dispatched to a loop that will not look at it any more. */
void dm_http_drop_queue(dm_http *h);

/* libmicrohttpd's callbacks. The first is the first to see a request, before the query is taken apart, and what it
 * returns is the request's context. */
void *dm_http_on_target(void *arg, const char *uri, struct MHD_Connection *conn);
enum MHD_Result dm_http_on_request(void *arg, struct MHD_Connection *conn, const char *url, const char *method,
        const char *version, const char *data, size_t *size, void **context);
void dm_http_on_completed(void *arg, struct MHD_Connection *conn, void **context, enum MHD_RequestTerminationCode why);

#endif
