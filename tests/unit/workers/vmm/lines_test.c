#include <stdio.h>
#include <sys/socket.h>

#include "tests/support/vmmrig.h"
#include "workers/vmm/lines.h"

typedef struct heard {
    unsigned lines, ends;
    char last[256];
    dm_err why;
    dm_lines *free_on_line; /* freed from the callback */
} heard;

static void on_line(void *arg, dm_str line)
{
    heard *h = arg;
    h->lines++;
    (void)snprintf(h->last, sizeof(h->last), "%.*s", (int)line.n, line.p);
    if (h->free_on_line != NULL)
        dm_lines_free(dm_steal(&h->free_on_line));
}

static void on_end(void *arg, const dm_err *why)
{
    heard *h = arg;
    h->ends++;
    h->why = *why;
}

static dm_lines *open_lines(rig *g, heard *h, size_t line_max, bool skip, unsigned burst)
{
    const dm_lines_config c = {.line_max = line_max,
            .skip_long = skip,
            .send_max = 100,
            .burst = burst,
            .on_line = on_line,
            .on_end = on_end,
            .arg = h};
    dm_lines *l = NULL;
    assert_int_equal(dm_lines_new(g->loop, g->ours, &c, &l, NULL), 0);
    g->ours = -1;
    return l;
}

static void splits_and_joins(void **state)
{
    rig *g = *state;
    heard h = {0};
    DM_AUTO(dm_lines) l = open_lines(g, &h, 100, false, 100);
    rig_say(g, "one\ntw");
    rig_until(g, &h.lines, 1);
    assert_string_equal(h.last, "one");
    rig_say(g, "o\r\n\n");
    rig_until(g, &h.lines, 3);
    assert_string_equal(h.last, "");
    assert_int_equal(h.ends, 0);
}

static void longest_line_passes_and_longer_ends(void **state)
{
    rig *g = *state;
    heard h = {0};
    DM_AUTO(dm_lines) l = open_lines(g, &h, 8, false, 100);
    rig_say(g, "12345678\n");
    rig_until(g, &h.lines, 1);
    assert_string_equal(h.last, "12345678");
    rig_say(g, "123456789");
    rig_until(g, &h.ends, 1);
    assert_int_equal(h.why.code, DM_E_PROTO);
    assert_int_equal(dm_lines_send(l, DM_STR("x\n"), -1, NULL), DM_E_UNAVAILABLE);
}

static void long_line_is_skipped(void **state)
{
    rig *g = *state;
    heard h = {0};
    DM_AUTO(dm_lines) l = open_lines(g, &h, 8, true, 100);
    for (int i = 0; i < 50; i++)
        rig_say(g, "123456789 123456789");
    rig_pump(g, 20000);
    assert_int_equal(h.lines, 0);
    rig_say(g, "\nok\n");
    rig_until(g, &h.lines, 1);
    assert_string_equal(h.last, "ok");
}

static void last_words_come_before_the_end(void **state)
{
    rig *g = *state;
    heard h = {0};
    DM_AUTO(dm_lines) l = open_lines(g, &h, 8, false, 2);
    rig_say(g, "1\n2\n3\n4\n5\n");
    dm_fd_closep(&g->peer);
    rig_until(g, &h.ends, 1);
    assert_int_equal(h.lines, 5);
    assert_int_equal(h.why.code, DM_E_UNAVAILABLE);
}

static void chatter_is_read_slowly(void **state)
{
    rig *g = *state;
    heard h = {0};
    static dm_clock_fake clock; /* the loop has it to its end */
    dm_clock_fake_init(&clock, 1000000);
    dm_loop_free(g->loop);
    assert_int_equal(dm_loop_new(&clock.base, &g->loop, NULL), 0);
    DM_AUTO(dm_lines) l = open_lines(g, &h, 8, false, 10);
    for (int i = 0; i < 100; i++)
        rig_say(g, "x\n");
    rig_pump(g, 50000);
    assert_int_equal(h.lines, 10);
    dm_clock_fake_move(&clock, 100000);
    rig_until(g, &h.lines, 20);
    rig_pump(g, 10000);
    assert_int_equal(h.lines, 20);
}

static void may_be_freed_by_its_own_line(void **state)
{
    rig *g = *state;
    heard h = {0};
    h.free_on_line = open_lines(g, &h, 8, false, 10);
    rig_say(g, "1\n2\n3\n");
    rig_until(g, &h.lines, 1);
    rig_pump(g, 10000);
    assert_int_equal(h.lines, 1);
}

static void what_waits_is_bounded(void **state)
{
    rig *g = *state;
    heard h = {0};
    int small = 1;
    assert_int_equal(setsockopt(g->ours, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    DM_AUTO(dm_lines) l = open_lines(g, &h, 8, false, 10);
    dm_err err = {.code = 0};
    int r = 0;
    for (int i = 0; r == 0 && i < 10000; i++)
        r = dm_lines_send(l, DM_STR("123456789\n"), -1, &err);
    assert_int_equal(r, DM_E_LIMIT);
    /* A descriptor cannot overtake. */
    assert_int_equal(dm_lines_send(l, DM_STR("x\n"), g->peer, &err), DM_E_CONFLICT);
    /* Whole lines only, also after the refusal. */
    char line[16];
    rig_hear(g, line, sizeof(line));
    assert_string_equal(line, "123456789");
    rig_pump(g, 10000);
}

static void passes_a_descriptor(void **state)
{
    rig *g = *state;
    heard h = {0};
    DM_AUTO(dm_lines) l = open_lines(g, &h, 8, false, 10);
    char byte[16];
    char room[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {byte, sizeof(byte)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};
    assert_int_equal(dm_lines_send(l, DM_STR("take\n"), g->peer, NULL), 0);
    assert_int_equal(recvmsg(g->peer, &msg, 0), 5);
    const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    if (c == NULL || c->cmsg_type != SCM_RIGHTS)
        fail_msg("no descriptor came");
    int fd;
    memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    (void)close(fd);
}

/* A few long lines are as much to read as many short ones. */
static void bytes_are_read_slowly_too(void **state)
{
    rig *g = *state;
    heard h = {0};
    char line[4001];
    const dm_lines_config c = {.line_max = 4000,
            .send_max = 100,
            .burst = 1000,
            .burst_bytes = 8000,
            .on_line = on_line,
            .on_end = on_end,
            .arg = &h};
    static dm_clock_fake clock; /* the loop has it to its end */
    dm_lines *made = NULL;
    dm_clock_fake_init(&clock, 1000000);
    dm_loop_free(g->loop);
    assert_int_equal(dm_loop_new(&clock.base, &g->loop, NULL), 0);
    assert_int_equal(dm_lines_new(g->loop, g->ours, &c, &made, NULL), 0);
    g->ours = -1;
    DM_AUTO(dm_lines) l = made;
    memset(line, 'x', 3999);
    line[3999] = '\n';
    line[4000] = '\0';
    for (int i = 0; i < 10; i++)
        rig_say(g, line);
    rig_pump(g, 50000);
    assert_in_range(h.lines, 1, 3); /* 8,000 bytes of them */
    dm_clock_fake_move(&clock, 100000);
    rig_pump(g, 50000);
    assert_in_range(h.lines, 3, 5);
    for (int i = 0; i < 8; i++) {
        dm_clock_fake_move(&clock, 100000);
        rig_pump(g, 10000);
    }
    assert_int_equal(h.lines, 10);
    assert_int_equal(h.ends, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(splits_and_joins, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(longest_line_passes_and_longer_ends, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(long_line_is_skipped, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(last_words_come_before_the_end, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(chatter_is_read_slowly, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(bytes_are_read_slowly_too, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(may_be_freed_by_its_own_line, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(what_waits_is_bounded, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(passes_a_descriptor, rig_open, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
