#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"

#include "tests/unit/test.h"

/* A log into a pipe, on a clock that stands. */
typedef struct scene {
    int out[2];
    dm_clock_fake clock;
    dm_log *log;
    char line[1 << 16];
    size_t n;
} scene;

static int open_scene(void **state)
{
    scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    assert_int_equal(pipe2(s->out, O_CLOEXEC | O_NONBLOCK), 0);
    dm_clock_fake_init(&s->clock, INT64_C(951827696500000));
    assert_int_equal(dm_log_new(s->out[1], "test", DM_INFO, &s->clock.base, &s->log, NULL), 0);
    *state = s;
    return 0;
}

static int close_scene(void **state)
{
    scene *s = *state;
    dm_log_free(s->log);
    (void)close(s->out[0]);
    (void)close(s->out[1]);
    free(s);
    return 0;
}

static const char *said(scene *s)
{
    ssize_t n = read(s->out[0], s->line, sizeof(s->line) - 1);
    s->n = n > 0 ? (size_t)n : 0;
    s->line[s->n] = '\0';
    return s->line;
}

static void a_line_has_it_all(void **state)
{
    scene *s = *state;
    DM_LOG(s->log, DM_WARN, "sandbox.woken", dm_fs("sandbox", "sb\n1"), dm_fu("ms", UINT64_MAX), dm_fi("by", -3),
            dm_fb("cold", true), dm_fs("none", NULL), dm_fv("part", (dm_str){"abc", 2}));
    assert_string_equal(said(s),
            "{\"ts\":\"2000-02-29T12:34:56.500000Z\",\"level\":\"warn\",\"program\":\"test\","
            "\"event\":\"sandbox.woken\",\"sandbox\":\"sb\\n1\",\"ms\":18446744073709551615,\"by\":-3,\"cold\":true,"
            "\"none\":null,\"part\":\"ab\"}\n");
}

static void fields_may_be_missing(void **state)
{
    scene *s = *state;
    DM_LOG(s->log, DM_INFO, "started");
    assert_non_null(strstr(said(s), "\"event\":\"started\"}\n"));
    DM_LOG(NULL, DM_ERROR, "nobody.listens", dm_fi("x", 1));
    assert_string_equal(said(s), "");
}

static void lesser_levels_are_left_out(void **state)
{
    scene *s = *state;
    DM_LOG(s->log, DM_DEBUG, "small.talk");
    assert_string_equal(said(s), "");
}

static void errors_say_code_and_errno(void **state)
{
    scene *s = *state;
    dm_err err;
    (void)dm_fail_sys(&err, 2, "open \"x\"");
    dm_log_err(s->log, DM_ERROR, "config.failed", &err);
    assert_non_null(strstr(said(s), "\"code\":\"not found\",\"sys\":2,\"message\":\"open \\\"x\\\": No such"));
}

/* Whatever is said, a line is JSON, ends in a newline and has at most 4 KiB. True when it says that it was cut, which
 * it does exactly when the last field is not there. */
static bool was_cut(scene *s)
{
    const char *line = said(s);
    assert_true(s->n > 0 && s->n <= 4096);
    assert_int_equal(line[s->n - 1], '\n');
    assert_null(memchr(line, '\n', s->n - 1));
    DM_AUTO(json_t) j = NULL;
    assert_int_equal(dm_json_load((dm_str){line, s->n}, 4096, &j, NULL), 0);
    bool cut = json_is_true(json_object_get(j, "cut"));
    assert_int_equal(json_object_get(j, "after") == NULL, cut);
    return cut;
}

static void long_lines_lose_their_tail(void **state)
{
    scene *s = *state;
    static char text[20000];
    size_t whole = 0;
    for (size_t n = 3800; n < 4200; n++) {
        memset(text, 'x', n);
        DM_LOG(s->log, DM_INFO, "long", dm_fv("text", (dm_str){text, n}), dm_fi("after", 1));
        if (!was_cut(s))
            whole = n;
    }
    assert_true(whole > 3900 && whole < 4096);
    memset(text, '\x01', sizeof(text)); /* six bytes each */
    DM_LOG(s->log, DM_INFO, "long", dm_fv("text", (dm_str){text, sizeof(text)}), dm_fi("after", 1));
    assert_true(was_cut(s));
    memset(text, 'e', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    DM_LOG(s->log, DM_INFO, text, dm_fi("after", 1));
    assert_true(was_cut(s));
    dm_field many[1000];
    char names[DM_LEN(many)][8];
    for (size_t i = 0; i < DM_LEN(many); i++) {
        (void)snprintf(names[i], sizeof(names[i]), "n%zu", i);
        many[i] = dm_fi(names[i], (int64_t)i);
    }
    dm_log_write(s->log, DM_INFO, "many", many, DM_LEN(many));
    assert_true(was_cut(s));
}

static void *chatter(void *arg)
{
    scene *s = arg;
    for (int i = 0; i < 50; i++)
        DM_LOG(s->log, DM_INFO, "chatter", dm_fs("text", "0123456789012345678901234567890123456789"));
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    scene *s = *state;
    pthread_t t[4];
    for (size_t i = 0; i < DM_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, chatter, s), 0);
    for (size_t i = 0; i < DM_LEN(t); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    dm_str all = {said(s), 0};
    all.n = s->n;
    size_t lines = 0;
    dm_str line;
    while (dm_str_split(&all, '\n', &line) && line.n > 0) {
        DM_AUTO(json_t) j = NULL;
        assert_int_equal(dm_json_load(line, 4096, &j, NULL), 0);
        lines++;
    }
    assert_int_equal(lines, 200);
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, open_scene, close_scene)

static size_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

/* A file that is never larger than it may be; the lines before are in another one, and those before them nowhere. */
static void a_file_stays_small(void **state)
{
    char dir[] = "/tmp/dm-log-test-XXXXXX", path[64], older[72];
    dm_clock_fake clock;
    struct stat st;
    dm_log *log = NULL;
    (void)state;
    dm_clock_fake_init(&clock, INT64_C(951827696500000));
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/log", dir);
    (void)snprintf(older, sizeof(older), "%s.1", path);
    for (int life = 0; life < 2; life++) { /* what an earlier process wrote counts */
        assert_int_equal(dm_log_file_new(path, 1000, "test", DM_INFO, &clock.base, &log, NULL), 0);
        for (int i = 0; i < 40; i++) {
            DM_LOG(log, DM_INFO, "line", dm_fi("no", i));
            assert_true(size_of(path) > 0 && size_of(path) <= 1000 && size_of(older) <= 1000);
        }
        dm_log_free(log);
    }
    assert_true(size_of(older) > 800);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    DM_AUTO_BUF text;
    dm_buf_init(&text, 4096);
    assert_int_equal(dm_file_read(path, &text, NULL), 0);
    dm_str all = dm_buf_view(&text);
    assert_non_null(memmem(all.p, all.n, "\"no\":39}", 8));
    assert_int_equal(dm_remove_tree(dir, NULL), 0);
    assert_true(dm_log_file_new("/nowhere/log", 1000, "test", DM_INFO, &clock.base, &log, NULL) < 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            IN_SCENE(a_line_has_it_all),
            IN_SCENE(fields_may_be_missing),
            IN_SCENE(lesser_levels_are_left_out),
            IN_SCENE(errors_say_code_and_errno),
            IN_SCENE(long_lines_lose_their_tail),
            IN_SCENE(lines_of_threads_do_not_mix),
            IN_SCENE(a_file_stays_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
