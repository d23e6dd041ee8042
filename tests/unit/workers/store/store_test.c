/* The images of a folder: who needs them, and that they go when nobody does, also after a crash. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/store/store.h"

enum { TURNS = 20000 };

typedef struct desk {
    char root[64];
    dm_clock_fake clock;
    dm_loop *loop;
    dm_exec *exec;
    dm_store *store;
    int done, r;
    int fails; /* the fill does */
} desk;

static void open_store(desk *d)
{
    const dm_store_config c = {.root = d->root, .loop = d->loop, .exec = d->exec};
    assert_int_equal(dm_store_open(&c, &d->store, NULL), 0);
}

static int setup(void **state)
{
    static desk d;
    d = (desk){.r = 0};
    (void)snprintf(d.root, sizeof d.root, "/tmp/dm-store-XXXXXX");
    assert_non_null(mkdtemp(d.root));
    dm_clock_fake_init(&d.clock, 1000000000);
    assert_int_equal(dm_loop_new(&d.clock.base, &d.loop, NULL), 0);
    assert_int_equal(dm_exec_new(1, 64, &d.exec, NULL), 0);
    open_store(&d);
    *state = &d;
    return 0;
}

static int teardown(void **state)
{
    desk *d = *state;
    dm_exec_free(d->exec);
    dm_store_free(d->store);
    dm_loop_free(d->loop);
    return dm_remove_tree(d->root, NULL);
}

static bool there(const desk *d, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    assert_int_equal(dm_path(path, sizeof path, NULL, "%s/%s", d->root, name), 0);
    return lstat(path, &st) == 0;
}

#define until(d, condition)                                                                                            \
    do {                                                                                                               \
        int turns_ = 0;                                                                                                \
        while (!(condition)) {                                                                                         \
            if (turns_++ == TURNS)                                                                                     \
                fail_msg("it never came: %s", #condition);                                                             \
            assert_true(dm_loop_once((d)->loop, 1000, NULL) >= 0);                                                     \
        }                                                                                                              \
    } while (0)

static void done(void *arg, int r, const dm_err *err)
{
    desk *d = arg;
    (void)err;
    d->done++;
    d->r = r;
}

static int fill(void *arg, const char *dir, dm_err *err)
{
    const desk *d = arg;
    char path[PATH_MAX];
    int r = dm_mkdir_p(dir, 0700, err);
    if (r == 0)
        r = dm_path(path, sizeof path, err, "%s/ram", dir);
    if (r == 0)
        r = dm_file_write(path, DM_STR("memory"), 0600, err);
    return r == 0 && d->fails ? dm_fail(err, DM_E_IO, "as the test wants it") : r;
}

static void make(desk *d, const char *name, bool kept, int64_t hold_us)
{
    char dir[PATH_MAX];
    const dm_store_make m = {.about = {.kind = DM_OBJECT_CHECKPOINT, .kept = kept},
            .hash = kept,
            .hold_us = hold_us,
            .fill = fill,
            .done = done,
            .arg = d};
    int before = d->done;
    until(d, dm_store_take(d->store, name, dir, NULL) == 0); /* one of that name may not be quite gone */
    assert_null(dm_store_find(d->store, name));
    assert_int_equal(dm_store_take(d->store, name, dir, NULL), DM_E_EXISTS);
    assert_int_equal(dm_store_seal(d->store, name, &m, NULL), 0);
    until(d, d->done > before);
}

static void what_is_held_goes_when_the_hold_is_over(void **state)
{
    desk *d = *state;
    dm_store_begin(d->store);
    make(d, "cp", false, 5000000);
    assert_int_equal(d->r, 0);
    assert_non_null(dm_store_find(d->store, "cp"));
    dm_store_count(d->store, "cp", 1);
    dm_store_count(d->store, "cp", 1);
    dm_clock_fake_move(&d->clock, 6000000);
    for (int i = 0; i < 20; i++)
        assert_true(dm_loop_once(d->loop, 0, NULL) >= 0);
    assert_non_null(dm_store_find(d->store, "cp")); /* two stand on it */
    dm_store_count(d->store, "cp", -1);
    assert_int_equal(dm_store_counted(d->store, "cp"), 1);
    assert_non_null(dm_store_find(d->store, "cp"));
    dm_store_count(d->store, "cp", -1);
    assert_null(dm_store_find(d->store, "cp")); /* nobody finds what goes */
    until(d, !there(d, "cp") && !there(d, "cp.going"));
    make(d, "cp", false, 5000000); /* the name is free again */
    assert_true(there(d, "cp"));
    dm_clock_fake_move(&d->clock, 6000000); /* and nobody ever stood on this one */
    until(d, !there(d, "cp") && !there(d, "cp.going"));
}

static void what_is_kept_stays_until_it_is_released(void **state)
{
    desk *d = *state;
    dm_store_sum sum;
    dm_store_begin(d->store);
    make(d, "kept", true, 0);
    make(d, "stood-on", true, 0);
    dm_store_count(d->store, "stood-on", 1);
    dm_store_sum_up(d->store, &sum);
    assert_int_equal(sum.images, 2);
    assert_true(sum.stored_bytes > 0 && sum.unique_bytes > 0);
    dm_clock_fake_move(&d->clock, 60000000);
    for (int i = 0; i < 20; i++)
        assert_true(dm_loop_once(d->loop, 0, NULL) >= 0);
    assert_non_null(dm_store_find(d->store, "kept"));
    int before = d->done;
    assert_int_equal(dm_store_release(d->store, "kept", done, d, NULL), 0);
    assert_int_equal(dm_store_release(d->store, "stood-on", done, d, NULL), 0);
    until(d, d->done == before + 2);
    assert_int_equal(d->r, 0);
    until(d, !there(d, "kept"));
    assert_true(there(d, "stood-on"));
    assert_int_equal(dm_store_release(d->store, "nowhere", done, d, NULL), 0);
    assert_int_equal(d->done, before + 3);
    dm_store_count(d->store, "stood-on", -1);
    until(d, !there(d, "stood-on"));
}

static void one_that_cannot_be_made_leaves_nothing(void **state)
{
    desk *d = *state;
    char dir[PATH_MAX];
    dm_store_begin(d->store);
    d->fails = 1;
    make(d, "cp", true, 5000000);
    assert_int_equal(d->r, DM_E_IO);
    assert_null(dm_store_find(d->store, "cp"));
    until(d, !there(d, "cp.making"));
    assert_int_equal(dm_store_take(d->store, "other", dir, NULL), 0);
    assert_int_equal(dm_mkdir_p(dir, 0700, NULL), 0);
    dm_store_give_up(d->store, "other");
    until(d, !there(d, "other.making"));
    until(d, dm_store_take(d->store, "other", dir, NULL) == 0);
}

/* A worker that begins anew: what was kept is there, what was only held goes, unless somebody says that he stands on
 * it. */
static void the_next_life_knows_what_is_needed(void **state)
{
    desk *d = *state;
    char half[PATH_MAX];
    dm_store_begin(d->store);
    make(d, "kept", true, 0);
    make(d, "held", false, 3600000000);
    make(d, "stood-on", false, 3600000000);
    assert_int_equal(dm_path(half, sizeof half, NULL, "%s/half.making", d->root), 0);
    assert_int_equal(dm_mkdir_p(half, 0700, NULL), 0);
    dm_store_free(d->store);
    open_store(d);
    assert_false(there(d, "half.making"));
    dm_store_count(d->store, "stood-on", 1);
    dm_store_count(d->store, "stood-on", -1); /* told in any order, before it begins */
    assert_non_null(dm_store_find(d->store, "stood-on"));
    dm_store_count(d->store, "stood-on", 1);
    dm_store_begin(d->store);
    until(d, !there(d, "held") && !there(d, "held.going"));
    assert_non_null(dm_store_find(d->store, "kept"));
    assert_true(dm_store_find(d->store, "kept")->kept);
    assert_non_null(dm_store_find(d->store, "stood-on"));
    dm_store_count(d->store, "stood-on", -1);
    until(d, !there(d, "stood-on"));
    assert_true(there(d, "kept"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(what_is_held_goes_when_the_hold_is_over, setup, teardown),
            cmocka_unit_test_setup_teardown(what_is_kept_stays_until_it_is_released, setup, teardown),
            cmocka_unit_test_setup_teardown(one_that_cannot_be_made_leaves_nothing, setup, teardown),
            cmocka_unit_test_setup_teardown(the_next_life_knows_what_is_needed, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
