/* The server with real sockets. The client below is a few lines of read and write on purpose: it can be as rude as a
 * client can be. */
/* Covers base/http_call.c, base/http_hold.c, base/http_listen.c. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/http.h"
#include "base/parse.h"

#include "tests/unit/test.h"

enum { WAIT_MS = 10000 };

static void sleep_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&ts, NULL);
}

/* --- the server's side -------------------------------------------------------------------------------------- */

enum { PARKED_MAX = 256 };

/* Requests that were answered with "later", until somebody answers them. */
typedef struct world {
    pthread_mutex_t lock;
    dm_req *parked[PARKED_MAX];
    unsigned nparked;
    atomic_uint handled, gated, ungated, inside;
    atomic_bool hold; /* handlers of /slow wait for this to go */
    pthread_t handler_thread;
} world;

static int on_echo(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;

    (void)err;
    w->handler_thread = pthread_self();
    (void)atomic_fetch_add(&w->handled, 1);
    dm_reply_text(&req->reply, 200, "text/plain", req->body);
    return dm_reply_header(&req->reply, "X-Name", req->params[0], err);
}

static int on_empty(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    dm_reply_empty(&req->reply, 204);
    return 0;
}

static int on_slow(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;

    (void)err;
    (void)atomic_fetch_add(&w->inside, 1);
    while (atomic_load(&w->hold))
        sleep_ms(1);
    (void)atomic_fetch_sub(&w->inside, 1);
    dm_reply_text(&req->reply, 200, "text/plain", DM_STR("slow"));
    return 0;
}

static int on_later(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;

    (void)err;
    (void)pthread_mutex_lock(&w->lock);
    assert_true(w->nparked < PARKED_MAX);
    w->parked[w->nparked++] = req;
    (void)pthread_mutex_unlock(&w->lock);
    return DM_HTTP_LATER;
}

static int on_large(dm_req *req, void *ctx, dm_err *err)
{
    static const char page[1000] = {'x'};

    (void)ctx;
    (void)err;
    dm_reply_text(&req->reply, 200, "application/octet-stream", DM_STR(""));
    for (int i = 0; i < 3000; i++)
        (void)dm_buf_add(&req->reply.body, page, sizeof page);
    return 0;
}

/* Three million bytes of a file without a name, from its tenth on. */
static int on_file(dm_req *req, void *ctx, dm_err *err)
{
    enum { SKIPPED = 10, BYTES = 3000000 };
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    (void)ctx;
    if (fd < 0 || ftruncate(fd, SKIPPED + BYTES + 5) < 0)
        return dm_fail_sys(err, errno, "a file");
    assert_int_equal(pwrite(fd, "first", 5, SKIPPED), 5);
    assert_int_equal(pwrite(fd, "last", 4, SKIPPED + BYTES - 4), 4);
    dm_reply_file(&req->reply, 206, "text/x", fd, SKIPPED, BYTES);
    return 0;
}

static const dm_route routes[] = {
        {"POST", "/echo/{name}", 0, 100000, on_echo},
        {"GET", "/echo/{name}", 0, 0, on_echo},
        {"DELETE", "/empty", 0, 0, on_empty},
        {"GET", "/slow", 0, 0, on_slow},
        {"GET", "/later", 0, 0, on_later},
        {"GET", "/large", 0, 0, on_large},
        {"GET", "/file", 0, 0, on_file},
};

static int gate(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;

    (void)err;
    (void)atomic_fetch_add(&w->gated, 1);
    req->auth = w;
    return 0;
}

static void ungate(dm_req *req, void *ctx)
{
    world *w = ctx;

    assert_ptr_equal(req->auth, w);
    (void)atomic_fetch_add(&w->ungated, 1);
}

/* Answers all that is parked; says how many. */
static unsigned answer_parked(world *w)
{
    dm_req *reqs[PARKED_MAX];

    (void)pthread_mutex_lock(&w->lock);
    unsigned n = w->nparked;
    memcpy(reqs, w->parked, n * sizeof reqs[0]);
    w->nparked = 0;
    (void)pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < n; i++) {
        dm_reply_text(&reqs[i]->reply, 200, "text/plain", DM_STR("late"));
        dm_req_done(reqs[i], 0, NULL);
    }
    return n;
}

static void wait_parked(world *w, unsigned n)
{
    for (int i = 0; i < WAIT_MS; i++) {
        (void)pthread_mutex_lock(&w->lock);
        unsigned have = w->nparked;
        (void)pthread_mutex_unlock(&w->lock);
        if (have >= n)
            return;
        sleep_ms(1);
    }
    fail_msg("fewer than %u requests have come", n);
}

static dm_http_config config_of(world *w)
{
    return (dm_http_config){.listen_address = "127.0.0.1",
            .threads = 2,
            .connections_max = 100,
            .idle_s = 20,
            .exec_threads = 2,
            .exec_queue_max = 64,
            .routes = routes,
            .nroutes = DM_LEN(routes),
            .gate = gate,
            .ungate = ungate,
            .ctx = w,
            .clock = &dm_clock_real};
}

static dm_http *start(const dm_http_config *config)
{
    dm_http *h = NULL;
    dm_err err = {0};

    if (dm_http_new(config, &h, &err) < 0)
        fail_msg("%s", err.msg);
    return h;
}

static void world_init(world *w)
{
    memset(w, 0, sizeof *w);
    assert_int_equal(pthread_mutex_init(&w->lock, NULL), 0);
}

/* With a server as most tests want it. */
static dm_http *open_world(world *w)
{
    world_init(w);
    dm_http_config config = config_of(w);
    return start(&config);
}

static void world_done(world *w)
{
    assert_int_equal(atomic_load(&w->gated), atomic_load(&w->ungated));
    (void)pthread_mutex_destroy(&w->lock);
}

/* --- the client's side -------------------------------------------------------------------------------------- */

static int dial(uint16_t port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sin, sizeof sin), 0);
    return fd;
}

static void say(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done <= 0)
            return; /* the server has had enough: what it said can still be read */
        p += done;
        n -= (size_t)done;
    }
}

static void say_c(int fd, const char *z)
{
    say(fd, z, strlen(z));
}

typedef struct answer {
    int status;
    char head[4096];
    dm_buf body;
} answer;

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, WAIT_MS) == 1;
}

/* false at the end of the connection. */
static bool hear(int fd, answer *a, bool bodyless)
{
    size_t n = 0, length = 0;
    char *end = NULL;

    dm_buf_done(&a->body);
    dm_buf_init(&a->body, 8 << 20);
    while (end == NULL) {
        assert_true(n + 1 < sizeof a->head);
        assert_true(readable(fd));
        if (recv(fd, a->head + n, 1, 0) != 1)
            return false;
        a->head[++n] = '\0';
        end = strstr(a->head, "\r\n\r\n");
    }
    assert_memory_equal(a->head, "HTTP/1.1 ", 9);
    a->status = (int)strtol(a->head + 9, NULL, 10);
    const char *field = strcasestr(a->head, "\r\nContent-Length:");
    if (field != NULL)
        length = (size_t)strtoul(field + 17, NULL, 10);
    while (!bodyless && a->body.len < length) {
        char *room = dm_buf_want(&a->body, length - a->body.len);
        assert_true(readable(fd));
        ssize_t got = recv(fd, room, length - a->body.len, 0);
        if (got <= 0)
            return false;
        dm_buf_grew(&a->body, (size_t)got);
    }
    return true;
}

static bool has(const answer *a, const char *line)
{
    return strcasestr(a->head, line) != NULL;
}

/* One exchange on a connection that is kept. */
static int ask(int fd, const char *request, answer *a)
{
    say_c(fd, request);
    return hear(fd, a, strncmp(request, "HEAD", 4) == 0) ? a->status : 0;
}

static bool closed(int fd)
{
    char c;

    return readable(fd) && recv(fd, &c, 1, 0) <= 0;
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void test_plain(void **state)
{
    world w;
    answer a = {0};

    (void)state;
    dm_http *h = open_world(&w);
    int fd = dial(dm_http_port(h));

    assert_int_equal(ask(fd, "GET /echo/a%2Fb?x=%20 HTTP/1.1\r\nHost: h\r\n\r\n", &a), 200);
    assert_true(has(&a, "X-Name: a/b\r\n"));
    assert_int_equal(a.body.len, 0);
    assert_int_equal(ask(fd, "POST /echo/n HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", &a), 200);
    assert_string_equal(a.body.p, "hello");
    assert_true(has(&a, "Content-Type: text/plain\r\n"));
    assert_int_equal(ask(fd,
                             "POST /echo/n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                             "3\r\nabc\r\n5;x=y\r\ndefgh\r\n0\r\n\r\n",
                             &a),
            200);
    assert_string_equal(a.body.p, "abcdefgh");
    assert_int_equal(ask(fd, "DELETE /empty HTTP/1.1\r\nHost: h\r\n\r\n", &a), 204);
    assert_int_equal(ask(fd, "HEAD /large HTTP/1.1\r\nHost: h\r\n\r\n", &a), 200);
    assert_true(has(&a, "Content-Length: 3000000\r\n"));
    assert_int_equal(ask(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n", &a), 200);
    assert_int_equal(a.body.len, 3000000);
    assert_int_equal(ask(fd, "GET /file HTTP/1.1\r\nHost: h\r\n\r\n", &a), 206);
    assert_true(has(&a, "Content-Length: 3000000\r\n") && has(&a, "Content-Type: text/x\r\n"));
    assert_int_equal(a.body.len, 3000000);
    assert_memory_equal(a.body.p, "first", 5);
    assert_memory_equal(a.body.p + 3000000 - 4, "last", 4);
    assert_int_equal(ask(fd, "HEAD /file HTTP/1.1\r\nHost: h\r\n\r\n", &a), 206);
    /* Two at once on one connection are answered one after the other. */
    say_c(fd, "GET /echo/1 HTTP/1.1\r\nHost: h\r\n\r\nGET /echo/2 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(hear(fd, &a, false) && has(&a, "X-Name: 1\r\n"));
    assert_true(hear(fd, &a, false) && has(&a, "X-Name: 2\r\n"));

    dm_http_stop(h, 1000);
    assert_true(closed(fd));
    assert_int_equal(close(fd), 0);
    dm_http_free(h);
    dm_buf_done(&a.body);
    world_done(&w);
}

static void test_refusals(void **state)
{
    world w;
    answer a = {0};
    char *big = calloc(1, 200000);
    char head[200];

    (void)state;
    dm_http *h = open_world(&w);
    int fd = dial(dm_http_port(h));

    /* The connection goes on after each of these, though a body came that nobody wanted. */
    assert_int_equal(ask(fd, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", &a), 404);
    assert_string_equal(a.body.p, "{\"code\":404,\"message\":\"no such path\"}");
    assert_int_equal(ask(fd, "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", &a), 404);
    assert_int_equal(ask(fd, "PUT /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", &a), 405);
    assert_true(has(&a, "Allow: POST, GET, HEAD\r\n"));
    assert_int_equal(ask(fd, "GET /echo/%zz HTTP/1.1\r\nHost: h\r\n\r\n", &a), 400);
    (void)snprintf(head, sizeof head, "POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n");
    say_c(fd, head);
    say(fd, big, 200000);
    assert_true(hear(fd, &a, false));
    assert_int_equal(a.status, 413);
    say_c(fd, "POST /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n");
    say(fd, big, 200000);
    say_c(fd, "\r\n0\r\n\r\n");
    assert_true(hear(fd, &a, false));
    assert_int_equal(a.status, 413);
    assert_int_equal(ask(fd, "GET /echo/x HTTP/1.1\r\nHost: h\r\n\r\n", &a), 200);
    /* What a GET brings along is passed over. */
    (void)snprintf(head, sizeof head, "GET /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 200000\r\n\r\n");
    say_c(fd, head);
    say(fd, big, 200000);
    assert_true(hear(fd, &a, false));
    assert_int_equal(a.status, 200);
    say_c(fd, "GET /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n");
    assert_true(hear(fd, &a, false));
    assert_int_equal(a.status, 200);
    assert_int_equal(atomic_load(&w.handled), 3);
    assert_int_equal(close(fd), 0);
    free(big);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

/* Those where the connection cannot be kept. */
static void test_refusals_at_once(void **state)
{
    static const struct {
        const char *request;
        int status;
    } rows[] = {
            /* The client waits for our word: no byte of the body is ever sent. */
            {"POST /echo/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 200000\r\n\r\n", 413},
            {"POST /nowhere HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", 404},
            {"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999\r\n\r\n", 413},
            {"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
            {"POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
            {"POST /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400},
    };
    world w;
    answer a = {0};

    (void)state;
    dm_http *h = open_world(&w);
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        int fd = dial(dm_http_port(h));
        if (ask(fd, rows[i].request, &a) != rows[i].status || !closed(fd))
            fail_msg("row %zu: status %d", i, a.status);
        assert_int_equal(close(fd), 0);
    }
    /* Accepted: the word comes, then the body. */
    int fd = dial(dm_http_port(h));
    say_c(fd, "POST /echo/x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_true(hear(fd, &a, true));
    assert_int_equal(a.status, 100);
    say_c(fd, "ok");
    assert_true(hear(fd, &a, false));
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.p, "ok");
    assert_int_equal(close(fd), 0);

    dm_buf_done(&a.body);
    dm_http_free(h);
    assert_int_equal(atomic_load(&w.handled), 1);
    world_done(&w);
}

/* What libmicrohttpd would not see is no part of what we were sent. The same heads without it pass. */
static void test_hidden_bytes(void **state)
{
#define ROW(text)                                                                                                      \
    {                                                                                                                  \
        text, sizeof(text) - 1                                                                                         \
    }
    static const dm_str bad[] = {
            ROW("GET /echo/x HTTP/1.1\r\nHost: h\r\nX-Key: good\0evil\r\n\r\n"),
            ROW("GET /echo/x HTTP/1.1\r\nHost: h\0evil\r\nX-Key: good\r\n\r\n"),
            ROW("GET /echo/x HTTP/1.1\r\nHost: h\r\nX-Key: good\0\r\n\r\n"),
            ROW("GET /echo/x HTTP/1.1\r\nHost: h\r\nX-Key: good\0\0evil\r\n\r\n"),
            ROW("GET /echo/x HTTP/1.1\r\nHost: h\r\nX-Key:\0good\r\n\r\n"),
            ROW("GET /echo/x HTTP/1.1\r\nHost: h\r\nX-\0Key: good\r\n\r\n"),
            ROW("GET /echo/x HTTP/1.1\nHost: h\nX-Key: good\0evil\n\n"),
            ROW("GET /echo/x HTTP/1.1\r\nHost: h\r\nX-Key: good\0X-Other: evil\r\nX-Third: t\r\n\r\n"),
            ROW("GET /echo/x\0y HTTP/1.1\r\nHost: h\r\n\r\n"),
            ROW("GET /echo/x?a\0=b HTTP/1.1\r\nHost: h\r\n\r\n"),
            ROW("GET /echo/x HTTP/1.1\r\nHost: h\r\nX-Key: go\r\n od\r\n\r\n"),
    };
    static const char *const good[] = {"GET /echo/x HTTP/1.1\r\nHost: h\r\nX-Key: good\r\n\r\n",
            "GET /echo/x HTTP/1.1\nHost: h\nX-Key: good\n\n", "GET /echo/x HTTP/1.1\r\nHost: h\nX-Key: good\n\r\n",
            "GET /echo/x HTTP/1.1\r\nHost:h\r\nX-Key:  \tgood \r\nX-None:\r\nX-Last:\r\n\r\n",
            "GET  /echo/x?a=b&c=%20&d HTTP/1.1\r\nHost: h\r\nCookie: a=b; c=\"d\"; e\r\n\r\n",
            "GET /echo/x HTTP/1.0\r\n\r\n"};
#undef ROW
    world w;
    answer a = {0};
    char *large = calloc(1, 60000);

    (void)state;
    dm_http *h = open_world(&w);
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        int fd = dial(dm_http_port(h));
        say(fd, bad[i].p, bad[i].n);
        if (!hear(fd, &a, false) || a.status != 400 || !closed(fd))
            fail_msg("row %zu: status %d", i, a.status);
        assert_int_equal(close(fd), 0);
    }
    assert_int_equal(atomic_load(&w.handled), 0);
    int kept = dial(dm_http_port(h));
    for (size_t i = 0; i + 1 < DM_LEN(good); i++)
        if (ask(kept, good[i], &a) != 200)
            fail_msg("good row %zu: status %d", i, a.status);
    assert_int_equal(close(kept), 0);
    int fd = dial(dm_http_port(h));
    assert_int_equal(ask(fd, good[DM_LEN(good) - 1], &a), 200);
    assert_int_equal(close(fd), 0);
    /* Piece by piece, and large: the buffer grows under it. */
    fd = dial(dm_http_port(h));
    say_c(fd, "GET /echo/x HTTP/1.1\r\nHost: h\r\n");
    for (int i = 0; i < 50; i++) {
        (void)snprintf(large, 60000, "X-%d: %0900d\r\n", i, i);
        say_c(fd, large);
        sleep_ms(1);
    }
    assert_int_equal(ask(fd, "\r\n", &a), 200);
    assert_int_equal(close(fd), 0);
    free(large);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

/* A chunked body without end is given up at some point, without having been kept. */
static void test_endless_body(void **state)
{
    world w;
    char *chunk = calloc(1, 65536);
    bool over = false;

    (void)state;
    dm_http *h = open_world(&w);
    int fd = dial(dm_http_port(h));
    say_c(fd, "POST /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 1000 && !over; i++) {
        over = send(fd, "10000\r\n", 7, MSG_NOSIGNAL) != 7 || send(fd, chunk, 65536, MSG_NOSIGNAL) != 65536 ||
               send(fd, "\r\n", 2, MSG_NOSIGNAL) != 2;
    }
    assert_true(over);
    assert_int_equal(close(fd), 0);
    free(chunk);
    dm_http_free(h);
    assert_int_equal(atomic_load(&w.handled), 0);
    world_done(&w);
}

static void test_headers(void **state)
{
    world w;
    answer a = {0};
    DM_AUTO_BUF request;

    (void)state;
    dm_buf_init(&request, 1 << 20);
    dm_http *h = open_world(&w);
    for (int n = 63; n <= 64; n++) { /* with Host, 64 and 65 */
        int fd = dial(dm_http_port(h));
        dm_buf_reset(&request);
        (void)dm_buf_c(&request, "GET /echo/x HTTP/1.1\r\nHost: h\r\n");
        for (int i = 0; i < n; i++)
            (void)dm_buf_fmt(&request, "X-%d: y\r\n", i);
        (void)dm_buf_c(&request, "\r\n");
        assert_int_equal(ask(fd, request.p, &a), n == 63 ? 200 : 431);
        assert_int_equal(close(fd), 0);
    }
    int fd = dial(dm_http_port(h));
    dm_buf_reset(&request);
    (void)dm_buf_c(&request, "GET /echo/x HTTP/1.1\r\nHost: h\r\nX: ");
    for (int i = 0; i < 100000; i++)
        (void)dm_buf_ch(&request, 'y');
    (void)dm_buf_c(&request, "\r\n\r\n");
    int status = ask(fd, request.p, &a);
    assert_true(status == 431 || status == 0); /* the rest of a head that large may reset the connection */
    assert_int_equal(close(fd), 0);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

static void test_unix(void **state)
{
    world w;
    answer a = {0};
    char dir[] = "/tmp/dormouse-http-XXXXXX";
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct stat st;
    dm_http *again = NULL;
    dm_err err = {0};

    (void)state;
    world_init(&w);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(sun.sun_path, sizeof sun.sun_path, "%s/sock", dir);
    /* Left over from a process that is gone. */
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (const struct sockaddr *)&sun, sizeof sun), 0);
    assert_int_equal(close(dead), 0);

    dm_http_config config = config_of(&w);
    config.unix_path = sun.sun_path;
    dm_http *h = start(&config);
    assert_int_equal(stat(sun.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0660);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sun, sizeof sun), 0);
    assert_int_equal(ask(fd, "POST /echo/u HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", &a), 200);
    assert_string_equal(a.body.p, "hi");
    int tcp = dial(dm_http_port(h));
    assert_int_equal(ask(tcp, "GET /echo/t HTTP/1.1\r\nHost: h\r\n\r\n", &a), 200);

    config.port = 0;
    assert_int_equal(dm_http_new(&config, &again, &err), DM_E_EXISTS); /* somebody answers there */
    config.listen_address = NULL;
    config.unix_path = NULL;
    assert_int_equal(dm_http_new(&config, &again, &err), DM_E_INVALID);
    assert_int_equal(close(fd), 0);
    assert_int_equal(close(tcp), 0);
    dm_http_free(h);
    assert_int_equal(stat(sun.sun_path, &st), -1);
    assert_int_equal(rmdir(dir), 0);
    dm_buf_done(&a.body);
    world_done(&w);
}

static void test_overload(void **state)
{
    enum { N = 8 };
    world w;
    answer a = {0};
    int fds[N], full = 0, served = 0;

    (void)state;
    world_init(&w);
    dm_http_config config = config_of(&w);
    config.exec_threads = 1;
    config.exec_queue_max = 2;
    dm_http *h = start(&config);
    atomic_store(&w.hold, true);
    fds[0] = dial(dm_http_port(h));
    say_c(fds[0], "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    while (atomic_load(&w.inside) == 0)
        sleep_ms(1);
    for (int i = 1; i < N; i++) {
        fds[i] = dial(dm_http_port(h));
        say_c(fds[i], "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    /* One is at work and two wait; the others are told at once, while the handlers still stand. */
    struct pollfd polls[N];
    for (int tries = 0; tries < WAIT_MS && full < N - 3; tries++) {
        full = 0;
        for (int i = 0; i < N; i++)
            polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
        (void)poll(polls, N, 0);
        for (int i = 0; i < N; i++)
            full += polls[i].revents != 0 ? 1 : 0;
        sleep_ms(1);
    }
    assert_int_equal(full, N - 3);
    atomic_store(&w.hold, false);
    full = 0;
    for (int i = 0; i < N; i++) {
        assert_true(hear(fds[i], &a, false));
        if (a.status == 503) {
            assert_true(has(&a, "Retry-After: 1\r\n"));
            /* and it may try again on the same connection */
            assert_int_equal(ask(fds[i], "DELETE /empty HTTP/1.1\r\nHost: h\r\n\r\n", &a), 204);
            full++;
        } else {
            assert_int_equal(a.status, 200);
            served++;
        }
        assert_int_equal(close(fds[i]), 0);
    }
    assert_int_equal(full, N - 3);
    assert_int_equal(served, 3);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

static int64_t party_of(const dm_req *req, void *ctx)
{
    uint64_t n = 0;

    (void)ctx;
    return dm_parse_u64(dm_req_header(req, "X-Party"), 0, INT64_MAX, &n, NULL) == 0 ? (int64_t)n : 0;
}

/* Who sends much that takes long has its share of the threads and of the places, and all others are served beside it:
 * who is known, and each one that is not. */
static void test_parties(void **state)
{
    enum { OF_7 = 6, REFUSED = 3 }; /* one is at work and two wait */
    world w;
    answer a = {0};
    int fds[OF_7], one, nobody[2], said = 0, refused = 0;
    struct pollfd polls[OF_7];

    (void)state;
    world_init(&w);
    dm_http_config config = config_of(&w);
    config.exec_threads = 4;
    config.exec_queue_max = 8;
    config.exec_parts = 4;
    config.party = party_of;
    dm_http *h = start(&config);
    atomic_store(&w.hold, true);
    for (int i = 0; i < OF_7; i++) {
        fds[i] = dial(dm_http_port(h));
        say_c(fds[i], "GET /slow HTTP/1.1\r\nHost: h\r\nX-Party: 7\r\n\r\n");
    }
    for (int tries = 0; tries < WAIT_MS && (said < REFUSED || atomic_load(&w.inside) == 0); tries++) {
        said = 0;
        for (int i = 0; i < OF_7; i++)
            polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
        (void)poll(polls, OF_7, 0);
        for (int i = 0; i < OF_7; i++)
            said += polls[i].revents != 0 ? 1 : 0;
        sleep_ms(1);
    }
    assert_int_equal(said, REFUSED);
    one = dial(dm_http_port(h));
    assert_int_equal(atomic_load(&w.inside), 1);
    assert_int_equal(ask(one, "DELETE /empty HTTP/1.1\r\nHost: h\r\nX-Party: 8\r\n\r\n", &a), 204);
    for (size_t i = 0; i < DM_LEN(nobody); i++) {
        nobody[i] = dial(dm_http_port(h));
        say_c(nobody[i], "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    while (atomic_load(&w.inside) < 3)
        sleep_ms(1);
    assert_int_equal(ask(one, "DELETE /empty HTTP/1.1\r\nHost: h\r\n\r\n", &a), 204);
    atomic_store(&w.hold, false);
    for (int i = 0; i < OF_7; i++) {
        assert_true(hear(fds[i], &a, false));
        assert_true(a.status == 200 || (a.status == 429 && polls[i].revents != 0));
        refused += a.status == 429;
        assert_int_equal(close(fds[i]), 0);
    }
    assert_int_equal(refused, REFUSED);
    for (size_t i = 0; i < DM_LEN(nobody); i++) {
        assert_true(hear(nobody[i], &a, false));
        assert_int_equal(close(nobody[i]), 0);
    }
    assert_int_equal(close(one), 0);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

static void test_connections_max(void **state)
{
    world w;
    answer a = {0};
    struct pollfd p;

    (void)state;
    world_init(&w);
    dm_http_config config = config_of(&w);
    config.connections_max = 2;
    dm_http *h = start(&config);
    int one = dial(dm_http_port(h)), two = dial(dm_http_port(h)), three = dial(dm_http_port(h));
    assert_int_equal(ask(one, "GET /echo/1 HTTP/1.1\r\nHost: h\r\n\r\n", &a), 200);
    assert_int_equal(ask(two, "GET /echo/2 HTTP/1.1\r\nHost: h\r\n\r\n", &a), 200);
    say_c(three, "GET /echo/3 HTTP/1.1\r\nHost: h\r\n\r\n");
    p = (struct pollfd){.fd = three, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 100), 0); /* waits in the kernel's queue, is not refused */
    assert_int_equal(close(one), 0);
    assert_true(hear(three, &a, false));
    assert_int_equal(a.status, 200);
    assert_int_equal(close(two), 0);
    assert_int_equal(close(three), 0);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

static void test_later(void **state)
{
    enum { N = 40 };
    world w;
    answer a = {0};
    int fds[N];

    (void)state;
    dm_http *h = open_world(&w);
    for (int i = 0; i < N; i++) {
        fds[i] = dial(dm_http_port(h));
        say_c(fds[i], "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    wait_parked(&w, N);
    for (int i = 0; i < N; i += 2) /* every second client goes away */
        assert_int_equal(close(fds[i]), 0);
    sleep_ms(20);
    assert_int_equal(answer_parked(&w), N);
    for (int i = 1; i < N; i += 2) {
        assert_true(hear(fds[i], &a, false));
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body.p, "late");
        assert_int_equal(close(fds[i]), 0);
    }
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

static void *stopper(void *arg)
{
    dm_http_stop(arg, WAIT_MS);
    return NULL;
}

typedef struct fate {
    atomic_uint sent, lost;
} fate;

static void on_sent(void *arg, bool sent)
{
    fate *f = arg;
    (void)atomic_fetch_add(sent ? &f->sent : &f->lost, 1);
}

/* A handler can ask whether its client has hung up, and is told once what became of its answer. */
static void test_gone_and_sent(void **state)
{
    enum { STAYS, LEAVES, CUT, N };
    world w;
    answer a = {0};
    fate fates[N] = {{0}};
    int fds[N];

    (void)state;
    dm_http *h = open_world(&w);
    for (int i = 0; i < N; i++) {
        fds[i] = dial(dm_http_port(h));
        say_c(fds[i], "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
        wait_parked(&w, (unsigned)i + 1); /* so that they are parked in this order */
        dm_req_on_sent(w.parked[i], on_sent, &fates[i]);
        assert_false(dm_req_gone(w.parked[i]));
    }
    assert_int_equal(close(fds[LEAVES]), 0);
    for (int ms = 0; !dm_req_gone(w.parked[LEAVES]) && ms < WAIT_MS; ms++)
        sleep_ms(1);
    assert_true(dm_req_gone(w.parked[LEAVES]));
    assert_false(dm_req_gone(w.parked[STAYS]));
    dm_req *cut = w.parked[CUT];
    w.nparked = CUT;
    assert_int_equal(answer_parked(&w), 2);
    assert_true(hear(fds[STAYS], &a, false));
    for (int ms = 0; atomic_load(&fates[LEAVES].sent) + atomic_load(&fates[LEAVES].lost) == 0 && ms < WAIT_MS; ms++)
        sleep_ms(1);
    dm_http_stop(h, 1); /* its grace is over before the last is answered */
    dm_req_done(cut, 0, NULL);
    assert_int_equal(atomic_load(&fates[STAYS].sent), 1);
    assert_int_equal(atomic_load(&fates[STAYS].lost), 0);
    assert_int_equal(atomic_load(&fates[LEAVES].sent) + atomic_load(&fates[LEAVES].lost), 1);
    assert_int_equal(atomic_load(&fates[CUT].sent), 0);
    assert_int_equal(atomic_load(&fates[CUT].lost), 1);
    assert_int_equal(close(fds[STAYS]), 0);
    assert_int_equal(close(fds[CUT]), 0);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

/* Clients that leave in the middle of everything. What they leave behind is the sanitizer's to find. */
static void test_rude(void **state)
{
    static const char *const rows[] = {
            "",
            "G",
            "GET /echo/x HTTP/1.1\r\nHo",
            "POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
            "POST /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
            "POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
            "GET /echo/x HTTP/1.1\r\nHost: h\r\n\r\n",
            "GET /large HTTP/1.1\r\nHost: h\r\n\r\n",
            "\r\n\r\n\r\n\x01\x02 nonsense\r\n\r\n",
            "GET /echo/x\r\n\r\n",
            "GET /echo/x HTTP/9.9\r\nHost: h\r\n\r\n",
            "GET /echo/x HTTP/1.1\r\n no name\r\n\r\n",
            "POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
            "POST /echo/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    world w;
    answer a = {0};

    (void)state;
    dm_http *h = open_world(&w);
    for (size_t i = 0; i < 3 * DM_LEN(rows); i++) {
        int fd = dial(dm_http_port(h));
        say_c(fd, rows[i % DM_LEN(rows)]);
        if (i % 3 == 1)
            sleep_ms(5);
        assert_int_equal(close(fd), 0);
    }
    int fd = dial(dm_http_port(h));
    assert_int_equal(ask(fd, "GET /echo/x HTTP/1.1\r\nHost: h\r\n\r\n", &a), 200);
    assert_int_equal(close(fd), 0);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

/* What is under way is waited for and answered, then the connection is closed. */
static void test_stop_waits(void **state)
{
    world w;
    answer a = {0};
    pthread_t thread;

    (void)state;
    dm_http *h = open_world(&w);
    atomic_store(&w.hold, true);
    int fd = dial(dm_http_port(h));
    say_c(fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    while (atomic_load(&w.inside) == 0)
        sleep_ms(1);
    uint16_t port = dm_http_port(h);
    assert_int_equal(pthread_create(&thread, NULL, stopper, h), 0);
    sleep_ms(50);
    atomic_store(&w.hold, false);
    assert_true(hear(fd, &a, false));
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body.p, "slow");
    assert_true(has(&a, "Connection: close\r\n"));
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(closed(fd));
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(late, (const struct sockaddr *)&sin, sizeof sin), -1);
    assert_int_equal(close(late), 0);
    assert_int_equal(close(fd), 0);
    dm_buf_done(&a.body);
    dm_http_free(h);
    world_done(&w);
}

/* Grace is over while answers are outstanding: they come after the server is gone, and hurt nobody. */
static void test_stop_abandons(void **state)
{
    enum { N = 10 };
    world w;
    int fds[N];

    (void)state;
    dm_http *h = open_world(&w);
    for (int i = 0; i < N; i++) {
        fds[i] = dial(dm_http_port(h));
        say_c(fds[i], "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
    }
    wait_parked(&w, N);
    dm_http_stop(h, 10);
    for (int i = 0; i < N; i++) {
        assert_true(closed(fds[i]));
        assert_int_equal(close(fds[i]), 0);
    }
    assert_int_equal(atomic_load(&w.ungated), 0);
    dm_http_free(h);
    assert_int_equal(answer_parked(&w), N);
    assert_int_equal(atomic_load(&w.ungated), N);
    world_done(&w);
}

typedef struct race {
    world *w;
    uint16_t port;
    atomic_bool over;
} race;

static void *race_client(void *arg)
{
    race *r = arg;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(r->port)};
    unsigned n = 0;

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    while (!atomic_load(&r->over)) {
        char bytes[512];
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(fd, (const struct sockaddr *)&sin, sizeof sin) == 0) {
            say_c(fd, "GET /later HTTP/1.1\r\nHost: h\r\n\r\n");
            if (n++ % 3 != 0) /* the others leave at once */
                (void)!recv(fd, bytes, sizeof bytes, 0);
        }
        (void)close(fd);
    }
    return NULL;
}

static void *race_answerer(void *arg)
{
    race *r = arg;

    while (!atomic_load(&r->over))
        (void)answer_parked(r->w);
    return NULL;
}

static void test_stop_races(void **state)
{
    (void)state;
    for (int round = 0; round < 15; round++) {
        world w;
        pthread_t clients[3], answerer;

        dm_http *h = open_world(&w);
        race r = {.w = &w, .port = dm_http_port(h)};
        for (size_t i = 0; i < DM_LEN(clients); i++)
            assert_int_equal(pthread_create(&clients[i], NULL, race_client, &r), 0);
        assert_int_equal(pthread_create(&answerer, NULL, race_answerer, &r), 0);
        sleep_ms(20 + round);
        dm_http_stop(h, (unsigned)round % 3);
        dm_http_free(h);
        atomic_store(&r.over, true);
        for (size_t i = 0; i < DM_LEN(clients); i++)
            assert_int_equal(pthread_join(clients[i], NULL), 0);
        assert_int_equal(pthread_join(answerer, NULL), 0);
        (void)answer_parked(&w);
        world_done(&w);
    }
}

typedef struct loop_client {
    uint16_t port;
    dm_loop *loop;
    int statuses[3];
    char body[16];
} loop_client;

static void *loop_client_main(void *arg)
{
    loop_client *c = arg;
    answer a = {0};
    int fd = dial(c->port);

    c->statuses[0] = ask(fd, "POST /echo/x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nloop", &a);
    (void)snprintf(c->body, sizeof c->body, "%s", a.body.p);
    c->statuses[1] = ask(fd, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", &a);
    c->statuses[2] = ask(fd, "GET /echo/y HTTP/1.1\r\nHost: h\r\n\r\n", &a);
    (void)close(fd);
    dm_buf_done(&a.body);
    dm_loop_stop(c->loop);
    return NULL;
}

static void test_loop(void **state)
{
    world w;
    dm_loop *loop = NULL;
    dm_err err = {0};
    pthread_t thread;

    (void)state;
    world_init(&w);
    assert_int_equal(dm_loop_new(&dm_clock_real, &loop, &err), 0);
    dm_http_config config = config_of(&w);
    config.exec_threads = 0;
    config.loop = loop;
    config.threads = 1;
    dm_http *h = start(&config);
    loop_client c = {.port = dm_http_port(h), .loop = loop};
    assert_int_equal(pthread_create(&thread, NULL, loop_client_main, &c), 0);
    assert_int_equal(dm_loop_run(loop, &err), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(c.statuses[0], 200);
    assert_string_equal(c.body, "loop");
    assert_int_equal(c.statuses[1], 404);
    assert_int_equal(c.statuses[2], 200);
    assert_true(pthread_equal(w.handler_thread, pthread_self()));

    /* A request that has come but was not looked at when the loop ended: stop turns the loop and answers it. */
    int fd = dial(c.port);
    answer a = {0};
    say_c(fd, "GET /echo/z HTTP/1.1\r\nHost: h\r\n\r\n");
    sleep_ms(100);
    dm_http_stop(h, WAIT_MS);
    assert_true(hear(fd, &a, false));
    assert_int_equal(a.status, 200);
    assert_int_equal(close(fd), 0);
    dm_http_free(h);
    dm_buf_done(&a.body);

    /* And one that nobody looks at any more. */
    h = start(&config);
    fd = dial(dm_http_port(h));
    say_c(fd, "GET /echo/z HTTP/1.1\r\nHost: h\r\n\r\n");
    sleep_ms(100);
    dm_http_free(h);
    assert_true(closed(fd));
    assert_int_equal(close(fd), 0);
    dm_loop_free(loop);
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_plain),
            cmocka_unit_test(test_refusals),
            cmocka_unit_test(test_refusals_at_once),
            cmocka_unit_test(test_hidden_bytes),
            cmocka_unit_test(test_endless_body),
            cmocka_unit_test(test_headers),
            cmocka_unit_test(test_unix),
            cmocka_unit_test(test_overload),
            cmocka_unit_test(test_parties),
            cmocka_unit_test(test_connections_max),
            cmocka_unit_test(test_later),
            cmocka_unit_test(test_gone_and_sent),
            cmocka_unit_test(test_rude),
            cmocka_unit_test(test_stop_waits),
            cmocka_unit_test(test_stop_abandons),
            cmocka_unit_test(test_stop_races),
            cmocka_unit_test(test_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
