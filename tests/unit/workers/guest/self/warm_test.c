#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "tests/support/wire.h"
#include "workers/guest/http/server.h"
#include "workers/guest/process/process.h"
#include "workers/guest/self/warm.h"

typedef struct result {
    unsigned calls;
    bool well;
    char why[256];
} result;

static void on_done(void *arg, const dm_err *err)
{
    result *r = arg;
    r->calls++;
    r->well = err == NULL;
    if (err != NULL)
        memcpy(r->why, err->msg, sizeof(r->why));
}

static void turn_until_done(wire *w, const result *r)
{
    for (int i = 0; i < 10000 && r->calls == 0; i++)
        wire_turn(w, 1000);
    assert_int_equal(r->calls, 1);
}

/* All rounds, with whatever token the agent has, and nothing of them stays: no process, and no end for late comers. */
static void walks_all_rounds(void **state)
{
    wire *w = *state;
    result r = {.calls = 0};
    dm_warm *warm = NULL;
    assert_int_equal(dm_identity_set(&w->g->identity, "a token", "root", "", NULL), 0);
    assert_int_equal(dm_warm_new(w->g, 3, dm_server_port(w->g->server), on_done, &r, &warm, NULL), 0);
    turn_until_done(w, &r);
    assert_true(r.well);
    assert_int_equal(dm_procs_count(w->g->procs), 0);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    assert_has(wire_run(w, "process.Process/Connect", "X-Access-Token: a token\r\n",
                       "{\"process\":{\"pid\":4294967295}}", &b),
            "not_found");
    assert_int_equal(wire_unary(w, "process.Process/List", "{}"), 401);
}

static void says_what_went_wrong(void **state)
{
    wire *w = *state;
    result r = {.calls = 0};
    dm_warm *warm = NULL;
    dm_err err;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    DM_AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    assert_true(dm_warm_new(w->g, 1, ntohs(at.sin_port), on_done, &r, &warm, &err) < 0); /* nobody listens */
    assert_says(err, "connect to ourselves");
    assert_null(warm);
    assert_int_equal(dm_warm_new(w->g, 1, dm_server_port(w->g->server), on_done, &r, &warm, NULL), 0);
    wire_turn(w, 1000); /* accepted */
    dm_server_drop_all(w->g->server);
    turn_until_done(w, &r);
    assert_false(r.well);
    assert_string_equal(r.why, "the warming round was cut off");
}

static void is_given_up(void **state)
{
    wire *w = *state;
    result r = {.calls = 0};
    dm_warm *warm = NULL;
    assert_int_equal(dm_warm_new(w->g, 1000, dm_server_port(w->g->server), on_done, &r, &warm, NULL), 0);
    wire_turn_for(w, 20000);
    dm_warm_free(warm);
    wire_turn_for(w, 20000);
    assert_int_equal(r.calls, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            WIRE_TEST(walks_all_rounds),
            WIRE_TEST(says_what_went_wrong),
            WIRE_TEST(is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
