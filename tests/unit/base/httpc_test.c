/* The client against our own server, and against servers that misbehave. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "base/http.h"
#include "base/httpc.h"

#include "tests/unit/test.h"

static void sleep_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&ts, NULL);
}

/* --- a good server ------------------------------------------------------------------------------------------ */

static int on_echo(dm_req *req, void *ctx, dm_err *err)
{
    char text[64];

    (void)ctx;
    (void)err;
    (void)snprintf(text, sizeof text, "%.*s %zu ", (int)req->method.n, req->method.p, req->body.n);
    dm_reply_text(&req->reply, 202, "text/plain", dm_str_c(text));
    (void)dm_buf_str(&req->reply.body, req->body);
    return 0;
}

static int on_slow(dm_req *req, void *ctx, dm_err *err)
{
    (void)ctx;
    (void)err;
    sleep_ms(300);
    dm_reply_empty(&req->reply, 204);
    return 0;
}

static const dm_route routes[] = {
        {"GET", "/echo", 0, 0, on_echo},
        {"PUT", "/echo", 0, 1 << 20, on_echo},
        {"POST", "/echo", 0, 1 << 20, on_echo},
        {"DELETE", "/echo", 0, 0, on_echo},
        {"GET", "/slow", 0, 0, on_slow},
};

static dm_http *good_server(const char *unix_path)
{
    dm_http_config config = {.listen_address = "127.0.0.1",
            .unix_path = unix_path,
            .threads = 1,
            .connections_max = 16,
            .idle_s = 10,
            .exec_threads = 4,
            .exec_queue_max = 16,
            .routes = routes,
            .nroutes = DM_LEN(routes),
            .clock = &dm_clock_real};
    dm_http *h = NULL;
    dm_err err = {0};

    if (dm_http_new(&config, &h, &err) < 0)
        fail_msg("%s", err.msg);
    return h;
}

static dm_httpc *client(uint16_t port)
{
    char base[64];
    dm_httpc_config config = {.base = base, .connect_ms = 500};
    dm_httpc *c = NULL;
    dm_err err = {0};

    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u", port);
    assert_int_equal(dm_httpc_new(&config, &c, &err), 0);
    return c;
}

/* --- a bad one ---------------------------------------------------------------------------------------------- */

/* Takes connections one after the other. From each it reads requests and plays the next letter of the script:
 * 'k' answers and keeps, 'x' closes without an answer, 's' says nothing until the client goes. */
typedef struct bad_server {
    int fd;
    uint16_t port;
    const char *script;
    atomic_uint requests, connections;
    pthread_t thread;
} bad_server;

/* A whole request, as far as the double line end and what our clients send after it at once. */
static bool read_request(int fd)
{
    char bytes[4096];
    size_t n = 0;
    ssize_t got = 1;

    while (n + 1 < sizeof bytes && (got = recv(fd, bytes + n, sizeof bytes - n - 1, 0)) > 0) {
        n += (size_t)got;
        bytes[n] = '\0';
        if (strstr(bytes, "\r\n\r\n") != NULL)
            return true;
    }
    return false;
}

static void *bad_main(void *arg)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    bad_server *s = arg;
    size_t step = 0;
    char c;

    while (s->script[step] != '\0') {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            break;
        (void)atomic_fetch_add(&s->connections, 1);
        while (s->script[step] != '\0' && read_request(fd)) {
            char act = s->script[step++];
            (void)atomic_fetch_add(&s->requests, 1);
            if (act == 'k')
                (void)send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL);
            else if (act == 's')
                (void)!recv(fd, &c, 1, 0);
            if (act != 'k')
                break;
        }
        (void)close(fd);
    }
    return NULL;
}

static void bad_start(bad_server *s, const char *script)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    socklen_t len = sizeof sin;

    *s = (bad_server){.script = script};
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (const struct sockaddr *)&sin, sizeof sin), 0);
    assert_int_equal(listen(s->fd, 8), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&sin, &len), 0);
    s->port = ntohs(sin.sin_port);
    assert_int_equal(pthread_create(&s->thread, NULL, bad_main, s), 0);
}

static void bad_stop(bad_server *s)
{
    (void)shutdown(s->fd, SHUT_RDWR); /* ends an accept */
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->fd);
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void test_methods(void **state)
{
    dm_http *h = good_server(NULL);
    DM_AUTO(dm_httpc) c = client(dm_http_port(h));
    DM_AUTO_BUF answer;
    dm_err err = {0};
    int status = 0;

    (void)state;
    dm_buf_init(&answer, 1000);
    assert_int_equal(dm_httpc_call(c, "GET", "/echo", (dm_str){NULL, 0}, 1000, &status, &answer, &err), 0);
    assert_int_equal(status, 202);
    assert_string_equal(answer.p, "GET 0 ");
    assert_int_equal(dm_httpc_call(c, "POST", "/echo", DM_STR("body"), 1000, &status, &answer, &err), 0);
    assert_string_equal(answer.p, "POST 4 body");
    assert_int_equal(dm_httpc_call(c, "POST", "/echo", DM_STR(""), 1000, &status, &answer, &err), 0);
    assert_string_equal(answer.p, "POST 0 ");
    assert_int_equal(dm_httpc_call(c, "PUT", "/echo", DM_STR("b\0b"), 1000, &status, &answer, &err), 0);
    assert_int_equal(answer.len, 9);
    assert_int_equal(dm_httpc_call(c, "DELETE", "/echo", (dm_str){NULL, 0}, 1000, &status, &answer, &err), 0);
    assert_string_equal(answer.p, "DELETE 0 ");
    assert_int_equal(dm_httpc_call(c, "HEAD", "/echo", (dm_str){NULL, 0}, 1000, &status, &answer, &err), 0);
    assert_int_equal(status, 202);
    assert_int_equal(answer.len, 0);
    assert_int_equal(dm_httpc_call(c, "GET", "/nowhere", (dm_str){NULL, 0}, 1000, &status, &answer, &err), 0);
    assert_int_equal(status, 404);

    assert_int_equal(dm_httpc_call(c, "GET", "/a b", (dm_str){NULL, 0}, 1000, &status, &answer, &err), DM_E_INVALID);
    assert_int_equal(dm_httpc_call(c, "GET", "@other", (dm_str){NULL, 0}, 1000, &status, &answer, &err), DM_E_INVALID);
    assert_int_equal(
            dm_httpc_call(c, "GET", "/\r\nX: y", (dm_str){NULL, 0}, 1000, &status, &answer, &err), DM_E_INVALID);
    assert_int_equal(
            dm_httpc_call(c, "GET /x", "/echo", (dm_str){NULL, 0}, 1000, &status, &answer, &err), DM_E_INVALID);
    dm_http_free(h);
}

static void test_answer_cap(void **state)
{
    dm_http *h = good_server(NULL);
    DM_AUTO(dm_httpc) c = client(dm_http_port(h));
    DM_AUTO_BUF answer;
    dm_err err = {0};
    int status = 0;

    (void)state;
    dm_buf_init(&answer, 10);
    assert_int_equal(dm_httpc_call(c, "POST", "/echo", DM_STR("123"), 1000, &status, &answer, &err), 0);
    assert_int_equal(dm_httpc_call(c, "POST", "/echo", DM_STR("1234"), 1000, &status, &answer, &err), DM_E_LIMIT);
    assert_int_equal(dm_httpc_call(c, "POST", "/echo", DM_STR("123"), 1000, &status, &answer, &err), 0);
    assert_string_equal(answer.p, "POST 3 123");
    dm_http_free(h);
}

static void test_unix(void **state)
{
    char dir[] = "/tmp/dormouse-httpc-XXXXXX", path[64];
    DM_AUTO(dm_httpc) c = NULL;
    DM_AUTO_BUF answer;
    dm_err err = {0};
    int status = 0;

    (void)state;
    dm_buf_init(&answer, 100);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/sock", dir);
    dm_httpc_config config = {.base = "http://worker", .unix_path = path, .connect_ms = 500};
    assert_int_equal(dm_httpc_new(&config, &c, &err), 0);
    assert_int_equal(
            dm_httpc_call(c, "GET", "/echo", (dm_str){NULL, 0}, 1000, &status, &answer, &err), DM_E_UNAVAILABLE);
    dm_http *h = good_server(path);
    assert_int_equal(dm_httpc_call(c, "POST", "/echo", DM_STR("u"), 1000, &status, &answer, &err), 0);
    assert_string_equal(answer.p, "POST 1 u");
    dm_http_free(h);
    /* The server is gone and the connection kept: found out before anything is sent. */
    assert_int_equal(dm_httpc_call(c, "POST", "/echo", DM_STR("u"), 1000, &status, &answer, &err), DM_E_UNAVAILABLE);
    assert_int_equal(rmdir(dir), 0);
}

/* What a failure says about the peer is what the caller builds on. */
static void test_failures(void **state)
{
    static const struct {
        const char *script, *method;
        int results[2]; /* of two calls one after the other */
        unsigned requests;
    } rows[] = {
            {"x", "POST", {DM_E_TIMEOUT, DM_E_UNAVAILABLE}, 1},
            {"s", "POST", {DM_E_TIMEOUT, DM_E_UNAVAILABLE}, 1},
            {"kxk", "POST", {0, DM_E_TIMEOUT}, 2}, /* the third letter is never played: no second try */
            {"kxk", "DELETE", {0, DM_E_TIMEOUT}, 2},
            {"kxk", "GET", {0, 0}, 3}, /* again on a new connection */
            {"kx", "GET", {0, DM_E_TIMEOUT}, 2},
            {"kk", "POST", {0, 0}, 2},
    };

    (void)state;
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        bad_server s;
        DM_AUTO_BUF answer;
        dm_err err = {0};
        int status = 0;

        bad_start(&s, rows[i].script);
        dm_buf_init(&answer, 100);
        DM_AUTO(dm_httpc) c = client(s.port);
        for (int k = 0; k < 2; k++) {
            /* The listening socket is closed when the script is played: what comes then finds nobody. */
            if (atomic_load(&s.requests) == strlen(rows[i].script))
                bad_stop(&s);
            int r = dm_httpc_call(c, rows[i].method, "/x", (dm_str){NULL, 0}, 400, &status, &answer, &err);
            if (r != rows[i].results[k])
                fail_msg("row %zu call %d: %d %s", i, k, r, err.msg);
        }
        if (atomic_load(&s.requests) != rows[i].requests)
            fail_msg("row %zu: %u requests", i, atomic_load(&s.requests));
        if (rows[i].results[1] != DM_E_UNAVAILABLE)
            bad_stop(&s);
    }
}

typedef struct caller {
    dm_httpc_pool *pool;
    unsigned timeout_ms;
    int result, status;
    pthread_t thread;
} caller;

static void *caller_main(void *arg)
{
    caller *c = arg;
    DM_AUTO_BUF answer;
    dm_err err = {0};

    dm_buf_init(&answer, 100);
    c->result =
            dm_httpc_pool_call(c->pool, "GET", "/slow", (dm_str){NULL, 0}, c->timeout_ms, &c->status, &answer, &err);
    return NULL;
}

static void test_pool(void **state)
{
    dm_http *h = good_server(NULL);
    char base[64];
    dm_httpc_config config = {.base = base, .connect_ms = 500};
    DM_AUTO(dm_httpc_pool) pool = NULL;
    dm_err err = {0};
    caller callers[4];
    int served = 0, late = 0;

    (void)state;
    (void)snprintf(base, sizeof base, "http://127.0.0.1:%u", dm_http_port(h));
    assert_int_equal(dm_httpc_pool_new(&config, 0, &pool, &err), DM_E_INVALID);
    assert_int_equal(dm_httpc_pool_new(&config, 2, &pool, &err), 0);
    /* Two at a time, 300 ms each: four take 600 ms. */
    for (size_t i = 0; i < DM_LEN(callers); i++) {
        callers[i] = (caller){.pool = pool, .timeout_ms = 5000};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]), 0);
    }
    for (size_t i = 0; i < DM_LEN(callers); i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        assert_int_equal(callers[i].result, 0);
        assert_int_equal(callers[i].status, 204);
    }
    /* With less time than the ones before them take, the last two never get a connection: nothing was sent. */
    for (size_t i = 0; i < DM_LEN(callers); i++) {
        callers[i] = (caller){.pool = pool, .timeout_ms = i < 2 ? 5000 : 100};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]), 0);
        sleep_ms(i == 1 ? 50 : 0);
    }
    for (size_t i = 0; i < DM_LEN(callers); i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        served += callers[i].result == 0;
        late += callers[i].result == DM_E_UNAVAILABLE;
    }
    assert_int_equal(served, 2);
    assert_int_equal(late, 2);
    dm_http_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(test_methods),
            cmocka_unit_test(test_answer_cap),
            cmocka_unit_test(test_unix),
            cmocka_unit_test(test_failures),
            cmocka_unit_test(test_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
