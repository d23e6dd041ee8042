/* Second ports: a client, the forward and a loopback server in one thread, the loop turned by hand. */
#include <errno.h>
#include <poll.h>

#include "tests/unit/test.h"
#include "workers/guest/self/forward.h"

typedef struct rig {
    dm_loop *loop;
    dm_forwards *f;
    int server;
    dm_listening at;
    uint16_t second;
} rig;

static int listener(int family, dm_listening *at)
{
    socklen_t size = family == AF_INET ? sizeof(at->at.in) : sizeof(at->at.in6);
    *at = (dm_listening){.loopback = true};
    if (family == AF_INET) {
        at->at.in = (struct sockaddr_in){.sin_family = AF_INET};
        at->at.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        at->at.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    }
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, &at->at.sa, size) < 0)
        return -1;
    assert_int_equal(listen(fd, 512), 0);
    assert_int_equal(getsockname(fd, &at->at.sa, &size), 0);
    return fd;
}

static int set_up(void **state)
{
    rig *g = calloc(1, sizeof(*g));
    *state = g;
    assert_int_equal(dm_loop_new(&dm_clock_real, &g->loop, NULL), 0);
    assert_int_equal(dm_forwards_new(g->loop, true, &g->f, NULL), 0);
    g->server = listener(AF_INET, &g->at);
    assert_true(g->server >= 0);
    return dm_forwards_open(g->f, &g->at, &g->second, NULL);
}

static int tear_down(void **state)
{
    rig *g = *state;
    dm_forwards_free(g->f);
    dm_loop_free(g->loop);
    (void)close(g->server);
    free(g);
    return 0;
}

static int dial(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* What comes, 0 at the end, -errno when it breaks. */
static ssize_t get(rig *g, int fd, void *p, size_t n)
{
    for (int i = 0; i < 5000; i++) {
        ssize_t r = recv(fd, p, n, MSG_DONTWAIT);
        if (r >= 0)
            return r;
        if (errno != EAGAIN)
            return -errno;
        assert_int_equal(dm_loop_once(g->loop, 1000, NULL), 0);
    }
    fail_msg("nothing came");
    return 0;
}

static int accepted(rig *g)
{
    for (int i = 0; i < 5000; i++) {
        int fd = accept4(g->server, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        assert_int_equal(dm_loop_once(g->loop, 1000, NULL), 0);
    }
    fail_msg("nobody came");
    return -1;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void hear(rig *g, int fd, const char *text)
{
    char got[64];
    size_t n = strlen(text), have = 0;
    while (have < n) {
        ssize_t r = get(g, fd, got + have, sizeof(got) - have);
        assert_true(r > 0);
        have += (size_t)r;
    }
    assert_int_equal(have, n);
    assert_memory_equal(got, text, n);
}

static void nobody_left(rig *g)
{
    for (int i = 0; i < 5000 && dm_forwards_pairs(g->f) > 0; i++)
        assert_int_equal(dm_loop_once(g->loop, 1000, NULL), 0);
    assert_int_equal(dm_forwards_pairs(g->f), 0);
}

/* Each direction ends by itself. */
static void ends_in_halves(void **state)
{
    rig *g = *state;
    char byte;
    DM_AUTO_FD client = dial(g->second);
    DM_AUTO_FD server = accepted(g);
    say(client, "hello");
    hear(g, server, "hello");
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    assert_int_equal(get(g, server, &byte, 1), 0);
    say(server, "late answer");
    hear(g, client, "late answer");
    dm_fd_closep(&server);
    assert_int_equal(get(g, client, &byte, 1), 0);
    nobody_left(g);
}

static void breaks_are_passed_on(void **state)
{
    rig *g = *state;
    const struct linger at_once = {.l_onoff = 1};
    char byte;
    for (int i = 0; i < 2; i++) {
        DM_AUTO_FD client = dial(g->second);
        DM_AUTO_FD server = accepted(g);
        int *breaks = i == 0 ? &client : &server, other = i == 0 ? server : client;
        say(*breaks, "x");
        hear(g, other, "x");
        assert_int_equal(setsockopt(*breaks, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        dm_fd_closep(breaks);
        assert_int_equal(get(g, other, &byte, 1), -ECONNRESET);
        nobody_left(g);
    }
}

/* Nothing is lost and little is held when one side does not read for a while. */
static void holds_back(void **state)
{
    rig *g = *state;
    enum { ALL = 24 << 20 };
    static char out[1 << 16], in[1 << 16];
    DM_AUTO_FD client = dial(g->second);
    DM_AUTO_FD server = accepted(g);
    size_t sent = 0, got = 0, idle = 0;
    for (; idle < 50 && sent < ALL; idle++) { /* nobody reads */
        for (size_t i = 0; i < sizeof(out); i++)
            out[i] = (char)((sent + i) * 2654435761u >> 24);
        ssize_t n = send(client, out, sizeof(out), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            idle = 0;
        }
        assert_int_equal(dm_loop_once(g->loop, 100, NULL), 0);
    }
    assert_true(sent < ALL);
    assert_int_equal(shutdown(client, SHUT_WR), 0);
    for (ssize_t n; (n = get(g, server, in, sizeof(in))) > 0;)
        for (ssize_t i = 0; i < n; i++, got++)
            if (in[i] != (char)(got * 2654435761u >> 24))
                fail_msg("byte %zu", got);
    assert_int_equal(got, sent);
}

/* A server that answers, and goes, before it has read all. */
static void early_answers_arrive(void **state)
{
    rig *g = *state;
    static char much[1 << 20];
    DM_AUTO_FD client = dial(g->second);
    DM_AUTO_FD server = accepted(g);
    for (int i = 0; i < 20; i++) {
        (void)send(client, much, sizeof(much), MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_int_equal(dm_loop_once(g->loop, 1000, NULL), 0);
    }
    say(server, "413");
    dm_fd_closep(&server); /* unread bytes: its kernel breaks the connection behind the answer */
    hear(g, client, "413");
    nobody_left(g);
}

/* The second port goes to whoever listens now; its own port stays free for all addresses. */
static void leaves_the_port_alone(void **state)
{
    rig *g = *state;
    dm_listening six;
    uint16_t again;
    char byte;
    assert_int_equal(dm_forwards_open(g->f, &g->at, &again, NULL), 0);
    assert_int_equal(again, g->second);
    (void)close(g->server);
    DM_AUTO_FD client = dial(g->second);
    assert_true(client >= 0);
    assert_int_equal(get(g, client, &byte, 1), -ECONNRESET);

    struct sockaddr_in all = {.sin_family = AF_INET, .sin_port = g->at.at.in.sin_port};
    g->server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(g->server, (const struct sockaddr *)&all, sizeof(all)), 0);

    int fd = listener(AF_INET6, &six);
    if (fd < 0)
        skip(); /* no IPv6 here */
    (void)close(g->server);
    g->server = fd;
    assert_int_equal(dm_forwards_open(g->f, &six, &again, NULL), 0);
    DM_AUTO_FD other = dial(again);
    DM_AUTO_FD server = accepted(g);
    say(other, "six");
    hear(g, server, "six");
}

/* The oldest second port makes way, the oldest connection does not; a drop breaks all. */
static void is_bounded(void **state)
{
    rig *g = *state;
    uint16_t port = g->second;
    int clients[DM_FORWARD_PAIRS_MAX + 1];
    char byte;
    for (size_t i = 0; i < DM_LEN(clients); i++) {
        clients[i] = dial(g->second);
        assert_true(clients[i] >= 0);
        assert_int_equal(dm_loop_once(g->loop, 0, NULL), 0);
    }
    assert_int_equal(get(g, clients[DM_LEN(clients) - 1], &byte, 1), -ECONNRESET);
    assert_int_equal(dm_forwards_pairs(g->f), DM_FORWARD_PAIRS_MAX);
    dm_forwards_drop(g->f);
    assert_int_equal(dm_forwards_pairs(g->f), 0);
    for (size_t i = 0; i < DM_LEN(clients); i++) {
        if (i < DM_FORWARD_PAIRS_MAX)
            assert_int_equal(get(g, clients[i], &byte, 1), -ECONNRESET);
        (void)close(clients[i]);
    }
    for (uint16_t i = 0; i < DM_FORWARDS_MAX; i++) {
        dm_listening other = g->at;
        other.at.in.sin_port = htons((uint16_t)(1000 + i));
        assert_int_equal(dm_forwards_open(g->f, &other, &port, NULL), 0);
    }
    assert_int_equal(port, g->second);
    assert_int_equal(dm_forwards_open(g->f, &g->at, &port, NULL), 0);
    assert_int_not_equal(port, g->second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(ends_in_halves, set_up, tear_down),
            cmocka_unit_test_setup_teardown(breaks_are_passed_on, set_up, tear_down),
            cmocka_unit_test_setup_teardown(holds_back, set_up, tear_down),
            cmocka_unit_test_setup_teardown(early_answers_arrive, set_up, tear_down),
            cmocka_unit_test_setup_teardown(leaves_the_port_alone, set_up, tear_down),
            cmocka_unit_test_setup_teardown(is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
