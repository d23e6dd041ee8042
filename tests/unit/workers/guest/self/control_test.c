/* The control port over a pair of sockets. What becomes another sandbox or ends the machine is not asked for here: the
 * machine is ours. */
/* Covers workers/guest/self/control.c, workers/guest/self/resume.c. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/parse.h"
#include "base/wire/guest.h"

#include "tests/support/wire.h"
#include "workers/guest/http/server.h"
#include "workers/guest/self/control.h"
#include "workers/guest/self/forward.h"

#define NONCE "00112233445566778899aabbccddeeff"

typedef struct port {
    wire *w;
    dm_control *c;
    int ours, theirs;
    char line[8192]; /* the last one heard */
} port;

static int set_up(void **state)
{
    int ends[2];
    port *p = calloc(1, sizeof(*p));
    void *w = NULL;
    assert_non_null(p);
    assert_int_equal(wire_set_up(&w), 0);
    p->w = w;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    p->ours = ends[0];
    p->theirs = ends[1];
    *state = p;
    return dm_control_new(p->w->g, p->theirs, &p->c, NULL);
}

static int tear_down(void **state)
{
    port *p = *state;
    void *w = p->w;
    dm_control_free(p->c);
    int r = wire_tear_down(&w);
    (void)close(p->ours);
    (void)close(p->theirs);
    free(p);
    return r;
}

static void say(port *p, const char *text)
{
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t sent = send(p->ours, text, n, MSG_NOSIGNAL);
        if (sent > 0) {
            text += sent;
            n -= (size_t)sent;
        }
        wire_turn(p->w, 0);
    }
}

/* The next line, "" when none comes. */
static const char *hear(port *p)
{
    size_t n = 0;
    for (int turns = 0; turns < 200 && n < sizeof(p->line) - 1;) {
        ssize_t got = recv(p->ours, p->line + n, 1, 0);
        if (got == 1 && p->line[n] == '\n')
            break;
        if (got == 1) {
            n++;
        } else {
            wire_turn(p->w, 1000);
            turns++;
        }
    }
    p->line[n] = '\0';
    return p->line;
}

static void sync_up(port *p)
{
    say(p, "\n{\"op\":\"sync\",\"nonce\":\"" NONCE "\"}\n");
    assert_string_equal(hear(p), ""); /* ends what an earlier host had half heard */
    assert_string_equal(hear(p), "{\"op\":\"sync\",\"nonce\":\"" NONCE "\"}");
}

static const char *ask(port *p, const char *line)
{
    say(p, line);
    say(p, "\n");
    return hear(p);
}

static void begins_with_a_sync(void **state)
{
    port *p = *state;
    wire_turn_for(p->w, 5000);
    assert_int_equal(recv(p->ours, p->line, 1, 0), -1); /* nobody has asked */
    say(p, "{\"op\":\"sta");                            /* cut by the end of an earlier host */
    sync_up(p);
    assert_has(hear(p), "{\"event\":\"ready\",\"agent\":\"" DM_AGENT_VERSION "\",\"kernel\":\"");
    sync_up(p); /* and ready is said once */
    assert_string_equal(ask(p, "{\"op\":\"dance\",\"seq\":7}"), "{\"seq\":7,\"ok\":false,\"error\":\"unknown op\"}");
    say(p, "not even JSON\n[]\n{\"op\":\"stats\"}\n"); /* no answer: nobody could tell whose */
    assert_has(ask(p, "{\"op\":\"stats\",\"seq\":8}"), "{\"seq\":8,\"ok\":true,");
    assert_has(p->line, "\"processes\":0,\"connections\":0,\"idle_ms\":");
}

static void skips_a_line_that_is_too_long(void **state)
{
    port *p = *state;
    sync_up(p);
    (void)hear(p);
    char piece[1025];
    memset(piece, 'x', sizeof(piece) - 1);
    piece[sizeof(piece) - 1] = '\0';
    for (size_t n = 0; n < DM_GUEST_LINE_MAX + 3 * sizeof(piece); n += sizeof(piece) - 1)
        say(p, piece);
    assert_has(ask(p, "\n{\"op\":\"stats\",\"seq\":1}"), "{\"seq\":1,\"ok\":true,");
}

static void says_what_happens(void **state)
{
    port *p = *state;
    sync_up(p);
    (void)hear(p);
    dm_guest_say(p->w->g, "warn", "a \"line\"");
    assert_string_equal(hear(p), "{\"event\":\"log\",\"level\":\"warn\",\"message\":\"a \\\"line\\\"\"}");
    dm_control_shutdown(p->c);
    assert_string_equal(hear(p), "{\"event\":\"shutdown\"}");
}

static void finds_ports(void **state)
{
    port *p = *state;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    char line[64];
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    DM_AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(line, sizeof(line), "{\"op\":\"port\",\"seq\":1,\"port\":%d}", ntohs(at.sin_port));
    sync_up(p);
    (void)hear(p);
    assert_string_equal(ask(p, line), "{\"seq\":1,\"ok\":true,\"listening\":false}");
    assert_int_equal(listen(fd, 1), 0);
    assert_has(ask(p, line), "{\"seq\":1,\"ok\":true,\"listening\":true,\"forward\":"); /* on the loopback only */
    assert_string_equal(ask(p, "{\"op\":\"port\",\"seq\":2}"), "{\"seq\":2,\"ok\":false,\"error\":\"unknown op\"}");
}

static void closes_what_is_open(void **state)
{
    port *p = *state;
    DM_AUTO_FD fd = wire_open(p->w);
    sync_up(p);
    (void)hear(p);
    assert_int_equal(dm_server_count(p->w->g->server), 1);
    assert_string_equal(ask(p, "{\"op\":\"quiesce\",\"seq\":3}"), "{\"seq\":3,\"ok\":true}");
    assert_int_equal(wire_read(p->w, fd, NULL), WIRE_RESET);
    assert_int_equal(dm_server_count(p->w->g->server), 0);
}

static const char *resume(port *p, int64_t generation, uint64_t seq)
{
    char seed[2 * DM_GUEST_SEED + 1], text[] = "other";
    memset(seed, '0', sizeof(seed) - 1);
    seed[sizeof(seed) - 1] = '\0';
    dm_guest_resume m = {.generation = generation,
            .wall_us = dm_wall_us(&dm_clock_real),
            .seed = seed,
            .sandbox = text,
            .template_id = text,
            .hostname = text,
            .token = text,
            .user = text,
            .workdir = text,
            .env = json_object(),
            .fresh = true};
    DM_AUTO_BUF b;
    dm_jw w;
    dm_buf_init(&b, DM_GUEST_LINE_MAX);
    dm_jw_init(&w, &b);
    assert_int_equal(dm_guest_resume_write(&w, &m, seq), 0);
    json_decref(m.env);
    return ask(p, b.p);
}

/* A repeated order changes nothing, an older one is refused, and one that cannot be carried out leaves the sandbox who
 * it was: without the right to set the clock it ends at its first step. */
static void becomes_nobody_twice(void **state)
{
    port *p = *state;
    const dm_identity *id = &p->w->g->identity;
    sync_up(p);
    (void)hear(p);
    p->w->g->identity.generation = 5;
    assert_string_equal(resume(p, 5, 1), "{\"seq\":1,\"ok\":true}");
    assert_has(resume(p, 4, 2), "{\"seq\":2,\"ok\":false,\"error\":\"generation 5 has been reached already");
    bool root = geteuid() == 0;
    if (root)
        assert_int_equal(seteuid(65534), 0);
    const char *said = resume(p, 6, 3);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_has(said, "{\"seq\":3,\"ok\":false,\"error\":\"set the clock");
    assert_int_equal(id->generation, 5);
    /* In the memory of another sandbox any generation is the first: it is tried, and not taken for a repeat. */
    free(p->w->g->identity.sandbox);
    p->w->g->identity.sandbox = strdup("mine");
    if (root)
        assert_int_equal(seteuid(65534), 0);
    said = resume(p, 5, 4);
    if (root)
        assert_int_equal(seteuid(0), 0);
    assert_has(said, "{\"seq\":4,\"ok\":false,\"error\":\"set the clock");
    assert_string_equal(id->sandbox, "mine");
    assert_string_equal(id->token, "");
    assert_string_equal(id->user, "root");
}

int main(void)
{
#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    static const struct CMUnitTest tests[] = {
            PORT_TEST(begins_with_a_sync),
            PORT_TEST(skips_a_line_that_is_too_long),
            PORT_TEST(says_what_happens),
            PORT_TEST(finds_ports),
            PORT_TEST(closes_what_is_open),
            PORT_TEST(becomes_nobody_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
