/* One image: whole or not there, read as it was sealed, and gone when it is told to go. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/store/object.h"

static char root[64];

static int setup(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/dm-object-XXXXXX");
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return dm_remove_tree(root, NULL);
}

static void put(const char *dir, const char *name, const char *text)
{
    char path[PATH_MAX];
    assert_int_equal(dm_path(path, sizeof path, NULL, "%s/%s", dir, name), 0);
    assert_int_equal(dm_file_write(path, dm_str_c(text), 0600, NULL), 0);
}

static unsigned entries(void)
{
    unsigned n = 0;
    DIR *d = opendir(root);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static void make(const char *name, bool kept, bool hash)
{
    char dir[PATH_MAX];
    dm_object o = {.kind = DM_OBJECT_CHECKPOINT, .parent = "abc-1c256m", .of = "i0x", .made_us = 7, .kept = kept};
    assert_int_equal(dm_object_begin(root, name, dir, NULL), 0);
    put(dir, "ram", "memory");
    put(dir, "disk.ext4", "disk");
    assert_int_equal(dm_object_seal(root, name, &o, hash, NULL), 0);
}

static void it_is_read_as_it_was_sealed(void **state)
{
    dm_object o;
    dm_object_size size;
    char path[PATH_MAX];
    (void)state;
    make("cp-1", true, true);
    assert_int_equal(dm_object_read(root, "cp-1", &o, NULL), 0);
    assert_int_equal(o.kind, DM_OBJECT_CHECKPOINT);
    assert_string_equal(o.parent, "abc-1c256m");
    assert_string_equal(o.of, "i0x");
    assert_int_equal(o.made_us, 7);
    assert_true(o.kept);
    assert_int_equal(o.nfiles, 2);
    for (size_t i = 0; i < o.nfiles; i++) {
        assert_int_equal(o.files[i].bytes, strcmp(o.files[i].name, "ram") == 0 ? 6 : 4);
        assert_int_equal(strlen(o.files[i].sha256), 64);
    }
    assert_int_equal(dm_object_check(root, "cp-1", NULL), 0);
    assert_int_equal(dm_object_measure(root, "cp-1", &size, NULL), 0);
    assert_true(size.stored > 0 && size.unique > 0 && size.unique <= size.stored);
    /* A file that has a second name is not this one's alone. */
    assert_int_equal(dm_path(path, sizeof path, NULL, "%s/cp-1/ram", root), 0);
    char other[PATH_MAX];
    assert_int_equal(dm_path(other, sizeof other, NULL, "%s/elsewhere", root), 0);
    int64_t before = size.unique;
    assert_int_equal(link(path, other), 0);
    assert_int_equal(dm_object_measure(root, "cp-1", &size, NULL), 0);
    assert_true(size.unique < before);
    assert_int_equal(dm_object_release(root, "cp-1", NULL), 0);
    assert_int_equal(dm_object_read(root, "cp-1", &o, NULL), 0);
    assert_false(o.kept);
    assert_int_equal(dm_object_discard(root, "cp-1", NULL), 0);
    assert_int_equal(dm_object_discard(root, "cp-1", NULL), 0); /* again is fine */
    assert_int_equal(dm_object_read(root, "cp-1", &o, NULL), DM_E_NOTFOUND);
    assert_int_equal(entries(), 1);
}

static void what_was_changed_is_found(void **state)
{
    char path[PATH_MAX];
    dm_err err;
    (void)state;
    make("a", false, true);
    assert_int_equal(dm_path(path, sizeof path, NULL, "%s/a", root), 0);
    put(path, "ram", "m3mory"); /* of the same size */
    assert_int_equal(dm_object_check(root, "a", &err), DM_E_CORRUPT);
    assert_says(err, "ram");
    make("b", false, false); /* without digests sizes are compared */
    assert_int_equal(dm_path(path, sizeof path, NULL, "%s/b/ram", root), 0);
    assert_int_equal(truncate(path, 1), 0);
    assert_int_equal(dm_object_check(root, "b", &err), DM_E_CORRUPT);
    make("c", false, false);
    assert_int_equal(dm_path(path, sizeof path, NULL, "%s/c", root), 0);
    put(path, "object.json", "{\"format\":1}");
    dm_object o;
    assert_int_equal(dm_object_read(root, "c", &o, &err), DM_E_CORRUPT);
}

static int count_one(void *arg, const char *name, const dm_object *o, dm_err *err)
{
    (void)err;
    (void)o;
    assert_string_equal(name, "whole");
    ++*(unsigned *)arg;
    return 0;
}

static void a_sweep_leaves_what_is_whole(void **state)
{
    char dir[PATH_MAX];
    unsigned n = 0;
    (void)state;
    make("whole", true, false);
    assert_int_equal(dm_object_begin(root, "half", dir, NULL), 0);
    put(dir, "ram", "memory");
    assert_int_equal(dm_path(dir, sizeof dir, NULL, "%s/old" DM_OBJECT_GOING, root), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    put(dir, "ram", "memory");
    assert_int_equal(entries(), 3);
    assert_int_equal(dm_objects_sweep(root, count_one, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(entries(), 1);
}

static void names_are_one_folder(void **state)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "x.making", "x.going", ".x", "a b"};
    char dir[PATH_MAX];
    (void)state;
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        assert_false(dm_object_name_ok(bad[i]));
        assert_int_equal(dm_object_begin(root, bad[i], dir, NULL), DM_E_INVALID);
    }
    assert_true(dm_object_name_ok("i0abc.12"));
}

/* Whoever has the name keeps it; and a name can be taken back. */
static void a_name_is_had_once(void **state)
{
    char dir[PATH_MAX];
    dm_object o = {.kind = DM_OBJECT_SLEEPER};
    (void)state;
    make("one", false, false);
    assert_int_equal(dm_object_begin(root, "one", dir, NULL), 0);
    put(dir, "ram", "another");
    assert_int_equal(dm_object_seal(root, "one", &o, false, NULL), DM_E_EXISTS);
    assert_int_equal(dm_object_read(root, "one", &o, NULL), 0);
    assert_string_equal(o.parent, "abc-1c256m");
    assert_int_equal(dm_remove_tree(dir, NULL), 0);
    assert_int_equal(dm_object_unseal(root, "one", NULL), 0);
    assert_int_equal(dm_object_read(root, "one", &o, NULL), DM_E_NOTFOUND);
    assert_int_equal(dm_object_unseal(root, "one", NULL), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(it_is_read_as_it_was_sealed, setup, teardown),
            cmocka_unit_test_setup_teardown(what_was_changed_is_found, setup, teardown),
            cmocka_unit_test_setup_teardown(a_sweep_leaves_what_is_whole, setup, teardown),
            cmocka_unit_test_setup_teardown(names_are_one_folder, setup, teardown),
            cmocka_unit_test_setup_teardown(a_name_is_had_once, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
