/* base/http.h: an HTTP/1.1 server. Handlers see dm_req and dm_reply, never libmicrohttpd, so a unit test calls them
 * without a socket.
 *
 * A few libmicrohttpd threads hold the connections. When a request's body is whole (it is bounded by its route), the
 * connection is suspended and the request goes to the dispatcher: an executor of this server's own, or, for a daemon
 * whose state belongs to one thread, that thread's loop. The handler fills the reply and returns 0, or returns
 * DM_HTTP_LATER and calls dm_req_done from any thread when it has the answer; the connection is resumed then.
 * Overload: what does not fit into the executor's queue is answered 503 with Retry-After: 1 at once, and 429 what does
 * not fit into its party's share of it.
 *
 * A request's strings are copies: they stay while the handler has the request, whatever happens to the connection. A
 * client that leaves meanwhile is noticed when the answer is sent, or by a handler that asks (dm_req_gone). Path
 * parameters and query are decoded, UTF-8 and without NUL, or the answer is 400; a longer head than 64 KiB is
 * libmicrohttpd's own 431. A body that is too large, or that nobody wants (a GET's among them), is read and dropped
 * up to 1 MiB; past that the connection is closed. A path that is a route's but for slashes at its end is answered 308
 * with that route's path and the query as it was. */
#ifndef DM_BASE_HTTP_H
#define DM_BASE_HTTP_H

#include "base/exec.h"
#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"

enum { DM_HTTP_LATER = 1 };
enum { DM_HTTP_BODIES_MAX = 256 << 20 }; /* bytes of request bodies one server holds; past it 503 */
enum { DM_HTTP_PARAMS_MAX = 4, DM_HTTP_HEADERS_MAX = 64, DM_HTTP_QUERY_MAX = 32, DM_REPLY_HEADERS_MAX = 16 };

typedef struct dm_pair {
    dm_str name, value;
} dm_pair;

typedef struct dm_reply {
    int status; /* 0 until the handler sets it */
    const char *content_type;
    dm_buf body;
    struct {
        bool on; /* the body is a part of a file (dm_reply_file), and not what stands above */
        int fd;
        uint64_t at, n;
    } file;
    size_t nheaders;
    struct {
        const char *name; /* a literal */
        char *value;      /* malloc'd */
    } headers[DM_REPLY_HEADERS_MAX];
    /* Of a refusal that the handler worded itself, for our log and nobody else: by which rule, a literal (NULL: it is
     * none), and why, as far as the handler was told (code 0: not at all). A gate that refuses may leave the rule, and
     * when to come again (0: the rule itself says), to error_body. */
    const char *refused_by;
    int32_t retry_after_s;
    dm_err why;
} dm_reply;

struct dm_route;

/* Everything is borrowed for the life of the request. */
typedef struct dm_req {
    const struct dm_route *route;
    dm_str method, path;               /* path as sent, no query */
    dm_str params[DM_HTTP_PARAMS_MAX]; /* what stood at {name}, decoded, in the order of the pattern */
    size_t nquery;
    dm_pair query[DM_HTTP_QUERY_MAX]; /* decoded */
    size_t nheaders;
    dm_pair headers[DM_HTTP_HEADERS_MAX]; /* names as sent */
    dm_str body;
    int64_t arrived_mono_us;
    uint64_t id; /* stands on each log line about this request */
    void *auth;  /* set by the route table's gate */
    dm_reply reply;
} dm_req;

/* 0, DM_HTTP_LATER, or a failure, whose code becomes the status unless reply.status was set to 4xx or 5xx before (401
 * has no code): INVALID 400, DENIED 403, NOTFOUND 404, CONFLICT and EXISTS 409, LIMIT 429, UNAVAILABLE 503, TIMEOUT
 * 504, others 500. Headers set before a failure are kept, a body is not. */
typedef int (*dm_http_handler)(dm_req *req, void *ctx, dm_err *err);

typedef struct dm_route {
    const char *method;
    const char *path; /* "/sandboxes/{id}/connect"; matched on the raw path, segment by segment */
    unsigned scope;   /* the program's own word for who may; 0 is anybody */
    size_t body_max;
    dm_http_handler handle;
} dm_route;

typedef struct dm_http_config {
    const char *listen_address; /* IPv4, or NULL */
    uint16_t port;
    const char *unix_path; /* listens there too, mode 0660, when not NULL */
    unsigned threads;      /* libmicrohttpd's, 1 to 16 */
    unsigned connections_max;
    unsigned idle_s;       /* a silent connection is closed after this */
    unsigned exec_threads; /* 0: dispatch to loop instead */
    unsigned exec_queue_max;
    /* Whose a request is, as far as its head says: a party has at most one of exec_parts of those threads and places
     * (base/line.h), so that none holds up the others. 0: nobody's in particular, bound by nothing. On a libmicrohttpd
     * thread: it must not block. NULL: all are nobody's. */
    int64_t (*party)(const dm_req *req, void *ctx);
    unsigned exec_parts;
    dm_loop *loop; /* used when exec_threads is 0 */
    const dm_route *routes;
    size_t nroutes;
    /* Before the handler, on the handler's thread; 0 goes on, negative is answered as an error, as a handler's. May be
     * NULL. */
    int (*gate)(dm_req *req, void *ctx, dm_err *err);
    /* After it, if the gate let it pass: releases req->auth. On the thread that answers. May be NULL. */
    void (*ungate)(dm_req *req, void *ctx);
    /* Makes the body of an error answer (a handler or gate that failed, 404, 405, 413, 503), on any thread, a
     * libmicrohttpd one too: it must not block. May be NULL: then {"code":STATUS,"message":...}, without the words of a
     * 500. status is already chosen and may be read from, or changed in, reply->status. req->route is NULL for 404 and
     * 405. */
    void (*error_body)(const dm_req *req, dm_reply *reply, const dm_err *err, void *ctx);
    /* Headers that every answer carries (CORS); the last to touch it; on any thread, as above. May be NULL. */
    void (*finish)(const dm_req *req, dm_reply *reply, void *ctx);
    void *ctx;
    dm_log *log;
    const dm_clock *clock;
    dm_metrics *metrics; /* may be NULL: requests, seconds, rejected */
} dm_http_config;

typedef struct dm_http dm_http;

/* config is copied; what it points to is borrowed. Listening when it returns. With a loop: on the loop's thread, or
 * before it runs; the same holds for stop and free. */
int dm_http_new(const dm_http_config *config, dm_http **out, dm_err *err) DM_NODISCARD;
/* Takes no new connection, waits up to grace_ms for what is under way, then closes every connection. With a loop, which
 * must not be in a callback: turns it meanwhile. A request given out with DM_HTTP_LATER may be answered even after
 * dm_http_free, and is dropped; but then ctx, log and metrics must still be there. */
void dm_http_stop(dm_http *h, unsigned grace_ms);
void dm_http_free(dm_http *h);
DM_DEFINE_FREEP(dm_http)
uint16_t dm_http_port(const dm_http *h); /* the one the kernel chose when config said 0 */

/* For DM_HTTP_LATER: the reply is whole. r is what the handler would have returned. Any thread, once, also before the
 * handler has returned; req is gone afterwards. */
void dm_req_done(dm_req *req, int r, const dm_err *err);

/* Whether its client has hung up, as far as the kernel knows: what is made now would be for nobody. While the handler
 * has the request. */
bool dm_req_gone(const dm_req *req);
/* fn is called once, on any thread, which it must not block: sent, when the whole answer has been given to the kernel;
 * not sent, when there is nobody left to give it to. The request may be gone by then. While the handler has it, and
 * before dm_req_done. */
void dm_req_on_sent(dm_req *req, void (*fn)(void *arg, bool sent), void *arg);

/* --- an answer that goes on --------------------------------------------------------------------------------- */

/* A connection whose answer has begun and has no end yet: what is added goes out as soon as the client takes it. It
 * costs no thread while nothing is added. Any thread; each call returns at once. */
typedef struct dm_stream dm_stream;
enum { DM_STREAM_FULL = 1, DM_STREAM_GONE };

/* Instead of dm_req_done: the reply as it is (status, headers, what its body has so far) goes out, and goes on. On 0
 * req is gone, and the handler returns DM_HTTP_LATER; *out is the caller's until dm_stream_end. Else nothing has
 * happened: DM_E_INVALID where there is no connection (dm_http_call). At most max bytes wait for the client. A server
 * that stops ends its streams at once, and a client that asked for the head alone has had it all. */
int dm_req_stream(dm_req *req, size_t max, dm_stream **out, dm_err *err) DM_NODISCARD;
/* All of the bytes or none: 0, DM_STREAM_FULL (the client does not read), or DM_STREAM_GONE (it has left, or the server
 * stops). */
int dm_stream_add(dm_stream *s, dm_str bytes) DM_NODISCARD;
/* Whether nobody is there any more, as far as the kernel knows. */
bool dm_stream_gone(dm_stream *s);
/* The answer ends when the client has what was added; or it is broken off now. s is gone afterwards; NULL is fine. */
void dm_stream_end(dm_stream *s, bool now);

/* What stands in a header, query or parameter; .p is NULL when it is not there. Header names match without case. */
dm_str dm_req_header(const dm_req *req, const char *name);
dm_str dm_req_query(const dm_req *req, const char *name);

/* --- answering ---------------------------------------------------------------------------------------------- */

enum { DM_REPLY_MAX = 32 << 20 };

/* A JSON answer: returns a writer on the reply's body. */
dm_jw dm_reply_json(dm_reply *reply, int status);
void dm_reply_empty(dm_reply *reply, int status);
void dm_reply_text(dm_reply *reply, int status, const char *content_type, dm_str body);
/* n bytes of a regular file, from `at` on, which nobody shortens meanwhile; the kernel hands them over. fd is the
 * reply's from here on, to close. */
void dm_reply_file(dm_reply *reply, int status, const char *content_type, int fd, uint64_t at, uint64_t n);
/* name must be a literal. An empty value adds nothing. DM_E_LIMIT past DM_REPLY_HEADERS_MAX; control bytes in value are
 * DM_E_INVALID. */
int dm_reply_header(dm_reply *reply, const char *name, dm_str value, dm_err *err) DM_NODISCARD;

/* For tests, and for whoever dispatches without a socket: matches the table, runs gate, handler, error body and finish
 * on a request made of these strings; body is borrowed. The caller frees with dm_req_free. Of config only routes, gate,
 * ungate, error_body, finish, ctx, log, clock and metrics are read; all but routes may be NULL. DM_HTTP_LATER when the
 * handler said so: *out is whole when its dm_req_done has returned (which then does not free it). */
int dm_http_call(const dm_http_config *config, const char *method, const char *target, const dm_pair *headers, size_t n,
        dm_str body, dm_req **out, dm_err *err) DM_NODISCARD;
void dm_req_free(dm_req *req);
DM_DEFINE_FREEP(dm_req)

#endif
