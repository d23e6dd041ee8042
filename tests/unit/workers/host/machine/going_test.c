/* Gigabytes go without anybody waiting for them: not the loop, which has a second to keep, nor whoever had the sandbox
 * ended; and nothing goes before it is written down that it may. */
#include <dirent.h>
#include <stdatomic.h>
#include <time.h>

#include "tests/support/workerrig.h"

static atomic_bool held, was_held_up;

/* A disk that takes until the test lets it; ten seconds of it are too many. */
static int slow_disk(const char *path, dm_err *err)
{
    for (int i = 0; i < 1000 && atomic_load(&held); i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    if (atomic_load(&held))
        atomic_store(&was_held_up, true);
    return dm_remove_tree(path, err);
}

static unsigned entries(const char *dir)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    if (d != NULL)
        (void)closedir(d);
    return n;
}

static unsigned going(const rig *r)
{
    char dir[PATH_MAX];
    (void)snprintf(dir, sizeof(dir), "%s/going", r->data);
    return entries(dir);
}

static void asleep(rig *r, unsigned n)
{
    run(r, n, 1);
    rig_seconds(r, 2);
    assert_int_equal(status_of(r, rig_pause(r, n, 1)), 200);
    rig_settle(r);
    assert_true(has_image(r, n, 1));
}

/* The number that stands behind this text in the metrics. */
static long metric(const rig *r, const char *name)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 1 << 20);
    assert_int_equal(dm_metrics_print(r->h.metrics, &text, NULL), 0);
    const char *at = strstr(text.p, name);
    assert_non_null(at);
    return strtol(at + strlen(name), NULL, 10);
}

static void a_slow_removal_does_not_make_seconds_late(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    asleep(r, 1);
    r->h.going.remove_tree = slow_disk;
    atomic_store(&held, true);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200); /* told, while the disk still works on it */
    assert_false(has_image(r, 1, 1));
    rig_until(r, r->h.going.busy);
    asleep(r, 2);
    rig_seconds(r, 20);
    assert_int_equal(status_of(r, rig_kill(r, 2, 1)), 200);
    assert_int_equal(going(r), 2);
    assert_false(atomic_load(&was_held_up));
    /* The rig's time moves in steps of a second: each tick finds itself less than 0.1 s late. */
    long ticks = metric(r, "dm_worker_tick_late_seconds_count ");
    assert_true(ticks >= 20);
    assert_int_equal(metric(r, "dm_worker_tick_late_seconds_bucket{le=\"0.1\"} "), ticks);
    atomic_store(&held, false);
    rig_until(r, going(r) == 0);
}

static void what_a_dead_worker_left_is_removed(void **state)
{
    rig *r = *state;
    char dir[PATH_MAX];
    NEED_ROOT();
    (void)snprintf(dir, sizeof(dir), "%s/going/%d-0", r->data, (int)getpid()); /* a name of ours: it is in the way */
    rig_file(dir, "ram", "x");
    rig_crash(r);
    rig_until(r, r->w->adopting == 0);
    rig_until(r, going(r) == 0);
    rig_file(dir, "ram", "x");
    asleep(r, 1);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    assert_false(has_image(r, 1, 1));
    rig_until(r, going(r) == 0);
}

/* The images are on another file system, or the folder for what goes is none: they cannot go there. */
static void what_cannot_be_moved_holds_up_nobody(void **state)
{
    rig *r = *state;
    char dir[PATH_MAX];
    NEED_ROOT();
    asleep(r, 1);
    (void)snprintf(dir, sizeof(dir), "%s/going", r->data);
    rig_until(r, !r->h.going.busy);
    assert_int_equal(dm_remove_tree(dir, NULL), 0);
    rig_file(r->data, "going", "no folder");
    r->h.going.remove_tree = slow_disk;
    atomic_store(&held, true);
    assert_int_equal(status_of(r, rig_kill(r, 1, 1)), 200);
    assert_false(has_image(r, 1, 1));
    rig_seconds(r, 5);
    assert_false(atomic_load(&was_held_up));
    (void)snprintf(dir, sizeof(dir), "%s/sleepers", r->data);
    assert_int_equal(entries(dir), 1); /* under another name */
    atomic_store(&held, false);
    rig_until(r, entries(dir) == 0);
}

/* A kill that is not written down has not happened: the sleeper wakes. */
static void an_image_outlasts_what_is_not_durable(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    asleep(r, 1);
    rig_freeze(r);
    rig_order *k = rig_kill(r, 1, 1);
    for (int i = 0; i < 50; i++)
        rig_turn(r);
    assert_false(told(k));
    rig_crash(r);
    rig_until(r, r->w->adopting == 0);
    assert_string_equal(state_of(r, 1), "asleep");
    assert_true(has_image(r, 1, 1));
    assert_int_equal(status_of(r, rig_resume(r, 1, 2)), 201);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
            TEST(a_slow_removal_does_not_make_seconds_late),
            TEST(what_a_dead_worker_left_is_removed),
            TEST(what_cannot_be_moved_holds_up_nobody),
            TEST(an_image_outlasts_what_is_not_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
