/* Covers workers/guest/process/env.c. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/guest/process/env.h"
#include "workers/guest/who/path.h"

static const dm_user user = {.name = "u", .home = "/home/u"};

static void assert_resolves(const char *path, const char *workdir, const char *expected)
{
    dm_guest_path out;
    assert_int_equal(dm_path_resolve(path, &user, workdir, &out, NULL), 0);
    assert_string_equal(out.s, expected);
}

static void resolves(void **state)
{
    (void)state;
    assert_resolves("", "", "/home/u");
    assert_resolves("", "/work", "/work"); /* only an empty path means the default directory */
    assert_resolves("a/b", "/work", "/home/u/a/b");
    assert_resolves("./a/../b/", "", "/home/u/b");
    assert_resolves("../../../x", "", "/x");
    assert_resolves("~", "/work", "/home/u");
    assert_resolves("~/x", "", "/home/u/x");
    assert_resolves("a~", "", "/home/u/a~");
    assert_resolves("/a/../b/", "", "/a/../b/"); /* an absolute path comes back as it was */
    assert_resolves("/", "", "/");
    dm_guest_path out;
    assert_int_equal(dm_path_resolve("~other", &user, "", &out, NULL), DM_E_INVALID);
    char longest[DM_GUEST_PATH_MAX + 10];
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(dm_path_resolve(longest, &user, "", &out, NULL), DM_E_LIMIT);
}

static void assert_clean(const char *path, const char *expected)
{
    char text[100];
    (void)snprintf(text, sizeof(text), "%s", path);
    dm_path_clean(text);
    assert_string_equal(text, expected);
}

static void cleans(void **state)
{
    (void)state;
    assert_clean("/", "/");
    assert_clean("//a///b//", "/a/b");
    assert_clean("/a/./b/../../c", "/c");
    assert_clean("/..", "/");
    assert_clean("/a/..", "/");
    assert_clean("/...", "/...");
}

static void assert_base(const char *path, const char *expected)
{
    size_t n;
    const char *p = dm_path_base(path, &n);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(p, expected, n);
}

static void names(void **state)
{
    (void)state;
    assert_base("/", "/");
    assert_base("///", "/");
    assert_base("/a", "a");
    assert_base("/a/b/", "b");
    assert_base("b", "b");
}

static void makes_parents(void **state)
{
    (void)state;
    char dir[] = "/tmp/dm-path-XXXXXX", deep[100];
    struct stat st;
    const dm_user me = {.uid = getuid(), .gid = getgid()};
    assert_non_null(mkdtemp(dir));
    (void)snprintf(deep, sizeof(deep), "%s/a/b/c.txt", dir);
    assert_int_equal(dm_path_make_parents(deep, &me, NULL), 0);
    assert_int_not_equal(stat(deep, &st), 0);
    (void)snprintf(deep, sizeof(deep), "%s/a/b", dir);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    (void)snprintf(deep, sizeof(deep), "%s/x//y/", dir);
    assert_int_equal(dm_path_make_all(deep, &me, NULL), 0);
    assert_int_equal(stat(deep, &st), 0);
    /* a file in the way */
    (void)snprintf(deep, sizeof(deep), "%s/f", dir);
    assert_int_equal(dm_file_write(deep, DM_STR("x"), 0644, NULL), 0);
    (void)snprintf(deep, sizeof(deep), "%s/f/g/h", dir);
    dm_err err;
    assert_true(dm_path_make_parents(deep, &me, &err) < 0);
    assert_int_equal(dm_remove_tree(dir, NULL), 0);
}

static void env_later_wins(void **state)
{
    (void)state;
    DM_AUTO_ENV e = {.v = NULL};
    assert_null(dm_env_get(&e, "A"));
    assert_int_equal(dm_env_set(&e, "AB", "0", NULL), 0);
    assert_int_equal(dm_env_set(&e, "A", "1", NULL), 0);
    assert_int_equal(dm_env_set(&e, "A", "2=3", NULL), 0);
    assert_int_equal(e.n, 2);
    assert_string_equal(e.v[1], "A=2=3");
    assert_null(e.v[2]);
    assert_string_equal(dm_env_get(&e, "A"), "2=3");
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "V%u", i);
        assert_int_equal(dm_env_set(&e, name, "", NULL), 0);
    }
    assert_int_equal(e.n, 102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(resolves), cmocka_unit_test(cleans), cmocka_unit_test(names),
            cmocka_unit_test(makes_parents), cmocka_unit_test(env_later_wins)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
