/* HTTP as it comes over a socket: connections, framing, order of checks, CORS. */
/* Covers workers/guest/http/answer.c, workers/guest/http/conn_out.c, workers/guest/http/server.c,
 * workers/guest/route.c, workers/guest/rpc/reply.c, workers/guest/setup.c, workers/guest/who/guest.c,
 * workers/guest/who/identity.c. */

#include "tests/support/wire.h"
#include "workers/guest/http/server.h"
#include "workers/guest/process/process.h"

static const char health[] = "GET /health HTTP/1.1\r\nHost: h\r\n\r\n";

static void set_token(wire *w, const char *token)
{
    assert_int_equal(dm_identity_set(&w->g->identity, token, "root", "", NULL), 0);
}

static void answers_health(void **state)
{
    wire *w = *state;
    set_token(w, "t");
    assert_int_equal(wire_ask(w, "GET /health", "", NULL, 0), 204);
    assert_has(w->in.p, "Cache-Control: no-store\r\n");
    assert_lacks(w->in.p, "Content-Length");
    assert_int_equal(wire_ask(w, "GET /health/", "X-Access-Token: t\r\n", NULL, 0), 404);
    assert_int_equal(wire_ask(w, "HEAD /health", "X-Access-Token: t\r\n", NULL, 0), 405);
    assert_has(w->in.p, "Allow: GET\r\n");
    assert_string_equal(wire_body(w), "");
}

/* Token, then user, then route, then method. */
static void checks_in_order(void **state)
{
    wire *w = *state;
    static const char nobody[] = "Authorization: Basic bm9ib2R5IG9mIHRoYXQ6\r\n"; /* "nobody of that:" */
    static const char nobody_and_token[] = "X-Access-Token: t\r\nAuthorization: Basic bm9ib2R5IG9mIHRoYXQ6\r\n";
    set_token(w, "t");
    assert_int_equal(wire_ask(w, "GET /nope", "", NULL, 0), 401);
    assert_has(wire_body(w), "{\"code\":401,\"message\":");
    assert_int_equal(wire_ask(w, "GET /metrics", nobody, NULL, 0), 401);
    assert_has(wire_body(w), "{\"code\":401,");
    assert_int_equal(wire_ask(w, "GET /nope", nobody_and_token, NULL, 0), 401);
    assert_string_equal(
            wire_body(w), "{\"code\":\"unauthenticated\",\"message\":\"invalid username: 'nobody of that'\"}");
    assert_int_equal(wire_ask(w, "GET /health", nobody, NULL, 0), 401);
    assert_has(wire_body(w), "invalid username");
    assert_int_equal(wire_ask(w, "GET /health", "Authorization: Basic Og==\r\n", NULL, 0), 401); /* "" is no default */
    assert_int_equal(wire_ask(w, "GET /nope", "X-Access-Token: t\r\n", NULL, 0), 404);
    assert_string_equal(wire_body(w), "404 page not found\n");
    assert_int_equal(wire_ask(w, "PUT /metrics", "X-Access-Token: t\r\n", NULL, 0), 405);
    assert_int_equal(wire_ask(w, "POST /init", "X-Access-Token: t\r\n", "{}", 2), 404);
    assert_int_equal(wire_ask(w, "GET /process.Process/List", "X-Access-Token: t\r\n", NULL, 0), 405);
    assert_has(w->in.p, "Allow: POST\r\n");
    assert_int_equal(wire_ask(w, "POST /process.Process/List", "X-Access-Token: t\r\n", "{}", 2), 415);
    assert_has(w->in.p, "Accept-Post: application/json, application/proto\r\n");
    assert_int_equal(dm_identity_set(&w->g->identity, "", "gone", "", NULL), 0);
    assert_int_equal(wire_ask(w, "GET /envs", "", NULL, 0), 401);
    assert_has(wire_body(w), "invalid default user: 'gone'");
}

static void speaks_to_browsers(void **state)
{
    wire *w = *state;
    set_token(w, "t");
    assert_int_equal(wire_ask(w, "OPTIONS /anything",
                             "Origin: http://x\r\nAccess-Control-Request-Method: PUT\r\n"
                             "Access-Control-Request-Headers: x-access-token\r\n",
                             NULL, 0),
            204);
    assert_has(w->in.p, "Access-Control-Allow-Origin: *\r\n");
    assert_has(w->in.p, "Access-Control-Allow-Methods: PUT\r\n");
    assert_has(w->in.p, "Access-Control-Allow-Headers: x-access-token\r\n");
    assert_has(w->in.p, "Access-Control-Max-Age: 7200\r\n");
    assert_int_equal(wire_ask(w, "OPTIONS /health", "X-Access-Token: t\r\n", NULL, 0), 405);
    assert_int_equal(wire_ask(w, "GET /health", "Origin: http://x\r\n", NULL, 0), 204);
    assert_has(w->in.p, "Vary: Origin\r\n");
    assert_has(w->in.p, "Access-Control-Expose-Headers: Grpc-Status");
}

static void keeps_connections(void **state)
{
    wire *w = *state;
    static const char two[] = "\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n"
                              "POST /process.Process/List HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
                              "GET /health HTTP/1.0\r\n\r\n";
    for (size_t step = 1; step < sizeof(two); step = step * 3 + 1) {
        DM_AUTO_FD fd = wire_open(w);
        for (size_t at = 0; at < sizeof(two) - 1; at += step) {
            wire_send(w, fd, two + at, sizeof(two) - 1 - at < step ? sizeof(two) - 1 - at : step);
            wire_turn(w, 0);
        }
        assert_int_equal(wire_read(w, fd, NULL), WIRE_CLOSED); /* the last one is 1.0 */
        unsigned answers = 0;
        for (const char *p = w->in.p; (p = strstr(p, "HTTP/1.1 20")) != NULL; p++)
            answers++;
        assert_int_equal(answers, 3);
    }
    wire_turn_for(w, 20000);
    assert_int_equal(dm_server_count(w->g->server), 0);
}

static void refuses_bad_requests(void **state)
{
    wire *w = *state;
    DM_AUTO_FD fd = wire_open(w);
    wire_send(w, fd, "NONSENSE\r\n\r\n", 12);
    assert_int_equal(wire_read(w, fd, NULL), WIRE_CLOSED);
    assert_int_equal(wire_status(w), 400);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 2 << 20);
    (void)dm_buf_c(&b, "GET /health HTTP/1.1\r\nHost: h\r\nX: ");
    for (unsigned i = 0; i < 900 * 1024; i++)
        (void)dm_buf_ch(&b, 'a');
    DM_AUTO_FD long_fd = wire_open(w);
    wire_send(w, long_fd, b.p, b.len);
    wire_send(w, long_fd, "\r\n\r\n", 4);
    assert_int_equal(wire_read(w, long_fd, "\r\n\r\n"), 0);
    assert_int_equal(wire_status(w), 204);
    for (unsigned i = 0; i < 300 * 1024; i++)
        (void)dm_buf_ch(&b, 'a');
    DM_AUTO_FD longer = wire_open(w);
    wire_send(w, longer, b.p, b.len);
    (void)wire_read(w, longer, NULL);
    assert_int_equal(wire_status(w), 431);
    /* Broken framing ends the connection. */
    static const char chunks[] =
            "POST /files?path=/tmp/x HTTP/1.1\r\nHost: h\r\nContent-Type: application/octet-stream\r\n"
            "Transfer-Encoding: chunked\r\n\r\nxyz\r\n";
    DM_AUTO_FD broken = wire_open(w);
    wire_send(w, broken, chunks, sizeof(chunks) - 1);
    (void)wire_read(w, broken, NULL);
    assert_int_equal(wire_status(w), 400);
}

static void continues(void **state)
{
    wire *w = *state;
    DM_AUTO_FD fd = wire_open(w);
    static const char head[] = "POST /process.Process/List HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                               "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    wire_send(w, fd, head, sizeof(head) - 1);
    assert_int_equal(wire_read(w, fd, "\r\n\r\n"), 0);
    assert_has(w->in.p, "HTTP/1.1 100 Continue\r\n\r\n");
    wire_send(w, fd, "{}", 2);
    assert_int_equal(wire_read(w, fd, "\r\n\r\n{}"), 0);
    assert_int_equal(wire_status(w), 200);
    /* Refused before the body: it never comes, so the connection cannot go on. */
    DM_AUTO_FD refused = wire_open(w);
    static const char bad[] = "POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    wire_send(w, refused, bad, sizeof(bad) - 1);
    assert_int_equal(wire_read(w, refused, NULL), WIRE_CLOSED);
    assert_int_equal(wire_status(w), 404);
    assert_has(w->in.p, "Connection: close\r\n");
}

/* An answer may come before the body has: a small rest is dropped and the connection kept, a large one ends it. */
static void answers_early(void **state)
{
    wire *w = *state;
    DM_AUTO_FD fd = wire_open(w);
    static const char small[] = "POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
    char rest[1000] = {0};
    wire_send(w, fd, small, sizeof(small) - 1);
    assert_int_equal(wire_read(w, fd, "not found\n"), 0);
    wire_send(w, fd, rest, sizeof(rest));
    wire_send(w, fd, health, sizeof(health) - 1);
    assert_int_equal(wire_read(w, fd, "\r\n\r\n"), 0);
    assert_int_equal(wire_status(w), 204);
    static const char large[] = "POST /nope HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n";
    wire_send(w, fd, large, sizeof(large) - 1);
    assert_int_equal(wire_read(w, fd, NULL), WIRE_CLOSED);
    assert_int_equal(wire_status(w), 404);
    assert_has(w->in.p, "Connection: close\r\n");
}

static void drops_older_generations(void **state)
{
    wire *w = *state;
    DM_AUTO_FD old = wire_open(w);
    wire_send(w, old, health, sizeof(health) - 1);
    assert_int_equal(wire_read(w, old, "\r\n\r\n"), 0);
    DM_AUTO_FD stream = wire_stream(
            w, "process.Process/Start", "", "{\"process\":{\"cmd\":\"sleep\",\"args\":[\"9\"],\"cwd\":\"/\"}}");
    assert_int_equal(wire_read(w, stream, "pid"), 0);
    dm_server_drop_older(w->g->server, 7);
    assert_int_equal(wire_read(w, old, NULL), WIRE_RESET);
    assert_int_equal(wire_read(w, stream, NULL), WIRE_RESET); /* a clean end could be taken for the stream's */
    DM_AUTO_FD fresh = wire_open(w);
    wire_send(w, fresh, health, sizeof(health) - 1);
    assert_int_equal(wire_read(w, fresh, "\r\n\r\n"), 0);
    dm_server_drop_older(w->g->server, 7);
    wire_turn_for(w, 5000);
    assert_int_equal(dm_server_count(w->g->server), 1);
    assert_int_equal(dm_procs_count(w->g->procs), 1); /* what runs goes on */
}

static void makes_room_for_connections(void **state)
{
    wire *w = *state;
    int *fds = calloc(DM_CONNS_MAX + 50, sizeof(int));
    for (unsigned i = 0; i < DM_CONNS_MAX + 50; i++) {
        fds[i] = wire_open(w);
        wire_turn(w, 0);
    }
    wire_turn_for(w, 5000);
    assert_true(dm_server_count(w->g->server) <= DM_CONNS_MAX);
    int last = fds[DM_CONNS_MAX + 49];
    wire_send(w, last, health, sizeof(health) - 1);
    assert_int_equal(wire_read(w, last, "\r\n\r\n"), 0);
    for (unsigned i = 0; i < DM_CONNS_MAX + 50; i++)
        (void)close(fds[i]);
    free(fds);
    for (unsigned i = 0; i < 5000 && dm_server_count(w->g->server) > 0; i++)
        wire_turn(w, 1000);
    assert_int_equal(dm_server_count(w->g->server), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {WIRE_TEST(answers_health), WIRE_TEST(checks_in_order),
            WIRE_TEST(speaks_to_browsers), WIRE_TEST(keeps_connections), WIRE_TEST(refuses_bad_requests),
            WIRE_TEST(continues), WIRE_TEST(answers_early), WIRE_TEST(drops_older_generations),
            WIRE_TEST(makes_room_for_connections)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
