#include <errno.h>
#include <sys/stat.h>

#include "base/file.h"

#include "tests/support/vmmrig.h"
#include "workers/vmm/sink.h"

static int64_t size_of(const rig *g, const char *name)
{
    char path[128];
    struct stat st;
    return stat(rig_path(g, name, path), &st) < 0 ? -1 : st.st_size;
}

static void keeps_words(void **state)
{
    rig *g = *state;
    char path[128];
    DM_AUTO(dm_sink) s = NULL;
    assert_int_equal(dm_sink_new(g->loop, g->dir, &s, NULL), 0);
    assert_string_equal(dm_sink_last(s), "");
    assert_int_equal(write(dm_sink_fd(s), "one\ntwo \x1b[31m\n", 14), 14);
    rig_pump(g, 20000);
    assert_string_equal(dm_sink_last(s), "two ?[31m");
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    assert_int_equal(dm_file_read(rig_path(g, "vmm.log", path), &b, NULL), 0);
    assert_str(dm_buf_view(&b), "one\ntwo \x1b[31m\n");
}

/* Somebody writes without end: it is never kept waiting, and what it costs is bounded. */
static void flood_is_bounded(void **state)
{
    rig *g = *state;
    char line[1024];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    DM_AUTO(dm_sink) s = NULL;
    assert_int_equal(dm_sink_new(g->loop, g->dir, &s, NULL), 0);
    for (int round = 0; round < 40; round++) {
        for (int i = 0; i < 1000; i++)
            if (write(dm_sink_fd(s), line, sizeof(line)) < 0)
                assert_int_equal(errno, EAGAIN);
        (void)dm_sink_last(s);
    }
    assert_in_range(size_of(g, "vmm.log"), 1, DM_SINK_FILE_MAX);
    assert_in_range(size_of(g, "vmm.log.1"), 1, DM_SINK_FILE_MAX);
    assert_int_equal(strlen(dm_sink_last(s)), DM_SINK_LAST);
    /* On its own it reads a little at a time. */
    int64_t before = size_of(g, "vmm.log");
    for (int i = 0; i < 60; i++)
        assert_int_equal(write(dm_sink_fd(s), line, sizeof(line)), sizeof(line));
    rig_pump(g, 50000);
    int64_t more = size_of(g, "vmm.log") - before;
    assert_true(more <= 4096);
}

/* We die and come again; the writer has noticed nothing. */
static void is_taken_up_again(void **state)
{
    rig *g = *state;
    DM_AUTO(dm_sink) s = NULL;
    assert_int_equal(dm_sink_new(g->loop, g->dir, &s, NULL), 0);
    DM_AUTO_FD writer = dup(dm_sink_fd(s));
    dm_sink_free(dm_steal(&s));
    assert_int_equal(write(writer, "meanwhile\n", 10), 10);
    assert_int_equal(dm_sink_new(g->loop, g->dir, &s, NULL), 0);
    assert_string_equal(dm_sink_last(s), "meanwhile");
}

/* A link in the place of the log or the FIFO, whoever put it there: what it leads to is not written to. */
static void follows_no_link(void **state)
{
    rig *g = *state;
    char path[128], other[128], fifo[128];
    DM_AUTO(dm_sink) s = NULL;
    assert_int_equal(dm_file_write(rig_path(g, "other", other), DM_STR("mine\n"), 0600, NULL), 0);
    assert_int_equal(symlink(other, rig_path(g, "vmm.log", path)), 0);
    assert_true(dm_sink_new(g->loop, g->dir, &s, NULL) < 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, rig_path(g, "vmm.fifo", fifo)), 0);
    assert_true(dm_sink_new(g->loop, g->dir, &s, NULL) < 0);
    assert_int_equal(unlink(fifo), 0);
    /* Also between two files of the log. */
    char line[1024];
    memset(line, 'x', sizeof(line));
    assert_int_equal(dm_sink_new(g->loop, g->dir, &s, NULL), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, path), 0);
    for (int i = 0; i < 2 * DM_SINK_FILE_MAX / (int)sizeof(line); i++) {
        assert_int_equal(write(dm_sink_fd(s), line, sizeof(line)), sizeof(line));
        (void)dm_sink_last(s);
    }
    assert_int_equal(size_of(g, "other"), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(keeps_words, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(flood_is_bounded, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(is_taken_up_again, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(follows_no_link, rig_open, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
