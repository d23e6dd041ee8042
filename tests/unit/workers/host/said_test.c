#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/host/said.h"

typedef struct scene {
    char dir[32], path[48];
    dm_log *log;
    dm_buf text;
} scene;

static int open_scene(void **state)
{
    static scene s;
    (void)snprintf(s.dir, sizeof(s.dir), "/tmp/dm-said-test-XXXXXX");
    assert_non_null(mkdtemp(s.dir));
    (void)snprintf(s.path, sizeof(s.path), "%s/log", s.dir);
    assert_int_equal(dm_log_file_new(s.path, 1 << 20, "guest", DM_INFO, &dm_clock_real, &s.log, NULL), 0);
    dm_buf_init(&s.text, 2 << 20);
    *state = &s;
    return 0;
}

static int close_scene(void **state)
{
    scene *s = *state;
    dm_log_free(s->log);
    dm_buf_done(&s->text);
    return dm_remove_tree(s->dir, NULL);
}

static unsigned lines_with(scene *s, const char *words)
{
    unsigned n = 0;
    dm_buf_reset(&s->text);
    assert_int_equal(dm_file_read(s->path, &s->text, NULL), 0);
    dm_str rest = dm_buf_view(&s->text), line;
    while (dm_str_split(&rest, '\n', &line))
        n += memmem(line.p, line.n, words, strlen(words)) != NULL;
    return n;
}

static void what_anybody_says_is_written(void **state)
{
    scene *s = *state;
    dm_said said = {0};
    dm_said_line(&said, s->log, "i1", 1, "oom", "python3");
    dm_said_line(&said, s->log, "i1", 2, "log", NULL);
    assert_int_equal(lines_with(s, "\"said\":\"oom\",\"message\":\"python3\""), 1);
    assert_int_equal(lines_with(s, "agent_said"), 2);
    dm_said_end(&said, s->log, "i1");
    assert_int_equal(lines_with(s, "_more"), 0);
}

/* 31,000 lines in ten minutes: a burst, one each three seconds, and each minute how many there were besides. */
static void a_flood_is_counted(void **state)
{
    scene *s = *state;
    dm_said loud = {0}, other = {0};
    enum { LINES = 31000, TEN_MINUTES = 600 };
    for (int64_t i = 0; i < LINES; i++)
        dm_said_line(&loud, s->log, "i1", i * TEN_MINUTES * 1000000 / LINES, "log", "x");
    unsigned written = lines_with(s, "\"event\":\"sandbox.agent_said\"");
    assert_in_range(written, DM_SAID_BURST + TEN_MINUTES / DM_SAID_EACH_S - 2,
            DM_SAID_BURST + TEN_MINUTES / DM_SAID_EACH_S + 2);
    assert_in_range(lines_with(s, "sandbox.agent_said_more"), 8, 10);
    dm_said_line(&other, s->log, "i2", 1, "log", "hear me"); /* another's bucket is its own */
    assert_int_equal(lines_with(s, "hear me"), 1);
    dm_said_end(&loud, s->log, "i1"); /* nothing goes uncounted */
    uint64_t left_out = 0;
    dm_str rest = (lines_with(s, "x"), dm_buf_view(&s->text)), line;
    while (dm_str_split(&rest, '\n', &line)) {
        const char *at = memmem(line.p, line.n, "\"lines\":", 8);
        left_out += at != NULL ? strtoull(at + 8, NULL, 10) : 0;
    }
    assert_int_equal(left_out + written, LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(what_anybody_says_is_written, open_scene, close_scene),
            cmocka_unit_test_setup_teardown(a_flood_is_counted, open_scene, close_scene),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
