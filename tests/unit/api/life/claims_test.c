/* What is given away stands in a file before its answer leaves, so that whoever dies between the two is held to it. */
/* Covers api/life/claims.c. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"

#include "api/life/claims.h"
#include "api/life/given.h"
#include "tests/unit/test.h"

enum { MAX = 8, WAIT_MS = 30000 };

typedef struct world {
    char path[32], image[40];
    dm_given_one it;
    dm_log *log;
    dm_dispatch *dispatch; /* to a worker that is away: a claim waits */
    dm_claims *claims;
    dm_http *http;
    _Atomic(dm_req *) parked;
} world;

static void must(int r, const dm_err *err)
{
    if (r < 0)
        fail_msg("%s", err->msg);
}

static int give(dm_req *req, void *ctx, dm_err *err)
{
    world *w = ctx;
    int r = dm_claims_when_sent(w->claims, req, w->it.worker, &w->it.id, false, err);
    if (r < 0)
        return r;
    atomic_store(&w->parked, req);
    return DM_HTTP_LATER;
}

static void open_world(world *w)
{
    static const dm_route routes[] = {{"GET", "/", 0, 0, give}};
    dm_err err = {0};
    *w = (world){.path = "/tmp/dm-claims-XXXXXX", .it = {.id.b = {7}, .worker = {3}}};
    int fd = mkstemp(w->path);
    assert_true(fd >= 0 && close(fd) == 0);
    (void)snprintf(w->image, sizeof w->image, "%s.image", w->path);
    must(dm_log_new(STDERR_FILENO, "claims_test", DM_ERROR, &dm_clock_real, &w->log, &err), &err);
    const dm_dispatch_config away = {
            .socket = "/nonexistent/worker", .connections = 1, .timeout_ms = 10, .clock = &dm_clock_real};
    must(dm_dispatch_new(&away, &w->dispatch, &err), &err);
    must(dm_claims_new(w->dispatch, w->log, &dm_clock_real, true, w->path, &w->claims, &err), &err);
    const dm_http_config http = {.listen_address = "127.0.0.1",
            .threads = 1,
            .connections_max = 4,
            .idle_s = 30,
            .exec_threads = 1,
            .exec_queue_max = 4,
            .routes = routes,
            .nroutes = 1,
            .ctx = w,
            .log = w->log,
            .clock = &dm_clock_real};
    must(dm_http_new(&http, &w->http, &err), &err);
}

static void close_world(world *w)
{
    dm_http_free(w->http);
    dm_claims_free(w->claims);
    dm_dispatch_free(w->dispatch);
    dm_log_free(w->log);
    assert_int_equal(unlink(w->path), 0);
}

/* A client whose answer is held back. */
static int asks(world *w)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct sockaddr_in to = {
            .sin_family = AF_INET, .sin_port = htons(dm_http_port(w->http)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    for (int ms = 0; atomic_load(&w->parked) == NULL && ms < WAIT_MS; ms++)
        (void)usleep(1000);
    assert_non_null(atomic_load(&w->parked));
    return fd;
}

/* Whether the next life would find it, if this one ended now. */
static bool stands(const world *w)
{
    DM_AUTO_BUF bytes;
    DM_AUTO(dm_given) g = NULL;
    dm_given_one found;
    dm_err err = {0};
    dm_buf_init(&bytes, 1 << 20);
    must(dm_file_read(w->path, &bytes, &err), &err);
    must(dm_file_write(w->image, dm_buf_view(&bytes), 0600, &err), &err);
    must(dm_given_open(w->image, MAX, &g, &err), &err);
    assert_int_equal(unlink(w->image), 0);
    bool yes = dm_given_left(g, &found) != DM_GIVEN_NONE;
    if (yes) {
        assert_memory_equal(&found.id, &w->it.id, sizeof found.id);
        assert_int_equal(found.worker.v, w->it.worker.v);
        assert_int_equal(dm_given_left(g, &found), DM_GIVEN_NONE);
    }
    return yes;
}

static void it_stands_before_its_answer_leaves(void **state)
{
    world w;
    char byte;
    (void)state;
    open_world(&w);
    assert_false(stands(&w));
    int fd = asks(&w);
    assert_true(stands(&w));
    dm_req_done(atomic_load(&w.parked), 0, NULL);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    assert_true(stands(&w)); /* its worker has not heard */
    (void)close(fd);
    close_world(&w);
}

/* What nobody was there to take is nobody's in the next life too. */
static void what_was_not_taken_does_not_stand(void **state)
{
    world w;
    (void)state;
    open_world(&w);
    int fd = asks(&w);
    dm_http_stop(w.http, 1);
    dm_req_done(atomic_load(&w.parked), 0, NULL);
    assert_false(stands(&w));
    (void)close(fd);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_stands_before_its_answer_leaves),
            cmocka_unit_test(what_was_not_taken_does_not_stand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
