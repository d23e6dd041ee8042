/* An answer that goes on: what is added arrives, nobody waits for who does not read, and no end is missed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/http.h"

#include "tests/unit/test.h"

enum { WAIT_MS = 10000, ROOM = 64 << 10 };

/* --- the server's side -------------------------------------------------------------------------------------- */

typedef struct world {
    dm_http *h;
    pthread_mutex_t lock;
    pthread_cond_t begun;
    dm_stream *stream;
    int outcome;
} world;

static int on_live(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;
    dm_stream *s = NULL;

    dm_reply_text(&req->reply, 200, "text/event-stream", DM_STR("first;"));
    int r = dm_req_stream(req, ROOM, &s, err);
    (void)pthread_mutex_lock(&w->lock);
    w->stream = s;
    w->outcome = r;
    (void)pthread_cond_broadcast(&w->begun);
    (void)pthread_mutex_unlock(&w->lock);
    return r < 0 ? r : DM_HTTP_LATER;
}

static int on_plain(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    dm_reply_text(&req->reply, 200, "text/plain", DM_STR("plain"));
    return 0;
}

static const dm_route routes[] = {{"GET", "/live", 0, 0, on_live}, {"GET", "/plain", 0, 0, on_plain}};

static dm_http_config config_of(world *w)
{
    return (dm_http_config){.listen_address = "127.0.0.1",
            .threads = 2,
            .connections_max = 400,
            .idle_s = 60,
            .exec_threads = 2,
            .exec_queue_max = 64,
            .routes = routes,
            .nroutes = DM_LEN(routes),
            .ctx = w,
            .clock = &dm_clock_real};
}

static void open_world(world *w)
{
    dm_err err = {0};

    memset(w, 0, sizeof *w);
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->begun, NULL);
    dm_http_config config = config_of(w);
    if (dm_http_new(&config, &w->h, &err) < 0)
        fail_msg("%s", err.msg);
}

static void close_world(world *w)
{
    dm_http_free(w->h);
    (void)pthread_mutex_destroy(&w->lock);
    (void)pthread_cond_destroy(&w->begun);
}

static dm_stream *begun(world *w)
{
    (void)pthread_mutex_lock(&w->lock);
    while (w->stream == NULL)
        (void)pthread_cond_wait(&w->begun, &w->lock);
    dm_stream *s = w->stream;
    w->stream = NULL;
    (void)pthread_mutex_unlock(&w->lock);
    return s;
}

/* --- the client's side -------------------------------------------------------------------------------------- */

static int ask(const world *w, const char *request)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(dm_http_port(w->h))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (const struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    return fd;
}

#define GET_LIVE "GET /live HTTP/1.1\r\nHost: h\r\n\r\n"

/* Reads on until the words have come, or the end; false when they have not. */
static bool hears(int fd, dm_buf *heard, const char *words)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    while (heard->len == 0 || strstr(heard->p, words) == NULL) {
        char *room = dm_buf_want(heard, 4096);
        assert_non_null(room);
        if (poll(&p, 1, WAIT_MS) != 1)
            return false;
        ssize_t n = recv(fd, room, 4096, 0);
        if (n <= 0)
            return false;
        dm_buf_grew(heard, (size_t)n);
    }
    return true;
}

static void wait_gone(dm_stream *s)
{
    struct timespec a_moment = {.tv_nsec = 1000000};

    for (int i = 0; i < WAIT_MS; i++) {
        if (dm_stream_gone(s))
            return;
        (void)nanosleep(&a_moment, NULL);
    }
    fail_msg("it is not gone");
}

#define HEARD(name)                                                                                                    \
    DM_AUTO_BUF name;                                                                                                  \
    dm_buf_init(&name, 8 << 20)

/* --- tests -------------------------------------------------------------------------------------------------- */

static void what_is_added_arrives(void **state)
{
    world w;
    HEARD(heard);

    (void)state;
    open_world(&w);
    int fd = ask(&w, GET_LIVE);
    dm_stream *s = begun(&w);
    assert_true(hears(fd, &heard, "first;"));
    assert_non_null(strcasestr(heard.p, "Transfer-Encoding: chunked"));
    assert_false(dm_stream_gone(s));
    for (int i = 0; i < 100; i++) { /* asleep and awake, as it comes */
        char piece[32];
        (void)snprintf(piece, sizeof piece, "piece %d;", i);
        assert_int_equal(dm_stream_add(s, dm_str_c(piece)), 0);
        if (i % 3 == 0)
            assert_true(hears(fd, &heard, piece));
    }
    assert_int_equal(dm_stream_add(s, DM_STR("last")), 0);
    dm_stream_end(s, false);
    assert_true(hears(fd, &heard, "last\r\n0\r\n\r\n")); /* all of it, and a whole end: the connection stays */
    static const char next[] = "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n";
    assert_int_equal(send(fd, next, sizeof next - 1, MSG_NOSIGNAL), sizeof next - 1);
    assert_true(hears(fd, &heard, "\r\n\r\nplain"));
    (void)close(fd);
    close_world(&w);
}

static void a_client_that_leaves_is_noticed(void **state)
{
    world w;
    HEARD(heard);

    (void)state;
    open_world(&w);
    int fd = ask(&w, GET_LIVE);
    dm_stream *s = begun(&w);
    assert_true(hears(fd, &heard, "first;"));
    (void)close(fd);
    wait_gone(s);
    dm_stream_end(s, false);
    int head = ask(&w, "HEAD /live HTTP/1.1\r\nHost: h\r\n\r\n");
    s = begun(&w);
    dm_buf_reset(&heard);
    assert_true(hears(head, &heard, "\r\n\r\n"));
    wait_gone(s); /* it has had it all */
    assert_int_equal(dm_stream_add(s, DM_STR("x")), DM_STREAM_GONE);
    dm_stream_end(s, false);
    (void)close(head);
    close_world(&w);
}

/* What a client does not read fills the kernel's buffers, then ours, and then no more. */
static void who_does_not_read_is_dropped(void **state)
{
    static const char page[4096] = {'x'};
    world w;
    int r = 0;

    (void)state;
    open_world(&w);
    int fd = ask(&w, GET_LIVE);
    dm_stream *s = begun(&w);
    for (int i = 0; i < 1 << 16 && r == 0; i++)
        r = dm_stream_add(s, (dm_str){page, sizeof page});
    assert_int_equal(r, DM_STREAM_FULL);
    dm_stream_end(s, true);
    HEARD(heard);
    assert_false(hears(fd, &heard, "0\r\n\r\n")); /* broken off, without an end that looks whole */
    (void)close(fd);
    close_world(&w);
}

static void a_server_that_stops_ends_them(void **state)
{
    world w;
    HEARD(heard);

    (void)state;
    open_world(&w);
    int fds[20];
    dm_stream *all[DM_LEN(fds)];
    for (size_t i = 0; i < DM_LEN(fds); i++) {
        fds[i] = ask(&w, GET_LIVE);
        all[i] = begun(&w);
    }
    assert_true(hears(fds[0], &heard, "first;"));
    int64_t from = dm_mono_ms(&dm_clock_real);
    dm_http_stop(w.h, 60000);
    assert_true(dm_mono_ms(&dm_clock_real) - from < WAIT_MS); /* its grace is for those who wait for an answer */
    assert_true(hears(fds[0], &heard, "0\r\n\r\n"));
    dm_http_free(w.h); /* before the last of them is let go of */
    w.h = NULL;
    for (size_t i = 0; i < DM_LEN(fds); i++) {
        assert_int_equal(dm_stream_add(all[i], DM_STR("x")), DM_STREAM_GONE);
        assert_true(dm_stream_gone(all[i]));
        dm_stream_end(all[i], false);
        (void)close(fds[i]);
    }
    close_world(&w);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_IS_OURS 0 /* a sanitizer keeps more beside each byte than it has */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define MEMORY_IS_OURS 0
#endif
#endif
#ifndef MEMORY_IS_OURS
#define MEMORY_IS_OURS 1
#endif

/* To the page, which /proc/self/statm is not. */
static long resident_kib(void)
{
    char line[256];
    long kib = -1;
    FILE *f = fopen("/proc/self/smaps_rollup", "re");

    assert_non_null(f);
    while (kib < 0 && fgets(line, sizeof line, f) != NULL)
        if (strncmp(line, "Rss:", 4) == 0)
            kib = strtol(line + 4, NULL, 10);
    (void)fclose(f);
    assert_true(kib > 0);
    return kib;
}

/* The connection's memory was touched from end to end: 41 KiB each. */
static void who_says_little_holds_little(void **state)
{
    enum { BEFORE = 20, STREAMS = 300, KIB_EACH = 16 };
    static char snapshot[6000]; /* is heard by all, and is held by none afterwards */
    static int fds[BEFORE + STREAMS];
    static dm_stream *all[BEFORE + STREAMS];
    world w;
    long before = 0;

    (void)state;
    if (!MEMORY_IS_OURS)
        skip();
    memset(snapshot, 's', sizeof snapshot);
    open_world(&w);
    for (size_t i = 0; i < DM_LEN(fds); i++) {
        HEARD(heard);
        if (i == BEFORE)
            before = resident_kib();
        fds[i] = ask(&w, GET_LIVE);
        all[i] = begun(&w);
        assert_int_equal(dm_stream_add(all[i], (dm_str){snapshot, sizeof snapshot}), 0);
        assert_int_equal(dm_stream_add(all[i], DM_STR("told;")), 0);
        assert_true(hears(fds[i], &heard, "told;"));
    }
    long each = (resident_kib() - before) / STREAMS;
    if (each > KIB_EACH)
        fail_msg("a stream holds %ld KiB", each);
    for (size_t i = 0; i < DM_LEN(fds); i++) { /* what comes after it is as it was said */
        HEARD(heard);
        assert_int_equal(dm_stream_add(all[i], (dm_str){snapshot, sizeof snapshot}), 0);
        dm_stream_end(all[i], false);
        assert_true(hears(fds[i], &heard, "0\r\n\r\n"));
        size_t said = 0;
        for (size_t k = 0; k < heard.len; k++)
            said += heard.p[k] == 's';
        assert_int_equal(said, sizeof snapshot);
        (void)close(fds[i]);
    }
    close_world(&w);
}

static void without_a_connection_there_is_none(void **state)
{
    world w = {.outcome = 0};
    DM_AUTO(dm_req) req = NULL;

    (void)state;
    (void)pthread_mutex_init(&w.lock, NULL);
    (void)pthread_cond_init(&w.begun, NULL);
    dm_http_config config = config_of(&w);
    assert_int_equal(dm_http_call(&config, "GET", "/live", NULL, 0, DM_STR(""), &req, NULL), 0);
    assert_int_equal(w.outcome, DM_E_INVALID);
    assert_int_equal(req->reply.status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_added_arrives),
            cmocka_unit_test(a_client_that_leaves_is_noticed),
            cmocka_unit_test(who_does_not_read_is_dropped),
            cmocka_unit_test(a_server_that_stops_ends_them),
            cmocka_unit_test(who_says_little_holds_little),
            cmocka_unit_test(without_a_connection_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
