#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"

#include "tests/support/vmmrig.h"
#include "workers/vmm/jail/tree.h"

static void reads_what_the_loader_lists(void **state)
{
    (void)state;
    dm_str path;
    dm_err err;
    assert_int_equal(dm_tree_line(DM_STR("\tlibz.so.1 => /lib/x86_64/libz.so.1 (0x00007f00)"), &path, NULL), 0);
    assert_str(path, "/lib/x86_64/libz.so.1");
    assert_int_equal(dm_tree_line(DM_STR("\t/lib64/ld-linux-x86-64.so.2 (0x00007f00)"), &path, NULL), 0);
    assert_str(path, "/lib64/ld-linux-x86-64.so.2");
    assert_int_equal(dm_tree_line(DM_STR("\tlinux-vdso.so.1 (0x00007ffd)"), &path, NULL), DM_TREE_NO_FILE);
    assert_int_equal(dm_tree_line(DM_STR(""), &path, NULL), DM_TREE_NO_FILE);
    assert_int_equal(dm_tree_line(DM_STR("\tlibgone.so.1 => not found"), &path, &err), DM_E_NOTFOUND);
    assert_says(err, "libgone.so.1");
}

static ino_t inode(const char *tree, const char *name)
{
    char path[PATH_MAX + 64];
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s%s", tree, name);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static void is_made_once_and_made_anew(void **state)
{
    const rig *g = *state;
    static const char *const files[] = {"/etc/os-release", "/no/such/firmware", NULL};
    char dir[128], program[128], first[PATH_MAX], second[PATH_MAX], third[PATH_MAX];
    struct stat st;
    dm_err err;
    assert_int_equal(dm_file_write(rig_path(g, "program", program), DM_STR("one"), 0755, NULL), 0);
    dm_tree_config c = {.dir = rig_path(g, "jail", dir), .program = program, .binary = "/bin/sh", .files = files};
    assert_int_equal(dm_tree_make(&c, first, &err), 0);
    ino_t was = inode(first, "");
    assert_true(was != 0);
    assert_true(inode(first, "/root/bin/sh") != 0);
    assert_true(inode(first, "/root/lib64/ld-linux-x86-64.so.2") != 0);
    assert_true(inode(first, "/root/lib/x86_64-linux-gnu/libc.so.6") != 0);
    assert_true(inode(first, "/root/etc/os-release") != 0);
    assert_int_equal(inode(first, "/root/no/such/firmware"), 0);
    assert_true(inode(first, "/root/ram") != 0 && inode(first, "/root/dev/null") != 0);
    /* A name for a file, never a link: inside, what a link leads to may not be there. */
    char path[PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/root/bin/sh", first);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));

    assert_int_equal(dm_tree_make(&c, second, NULL), 0);
    assert_string_equal(first, second);
    assert_int_equal(inode(second, ""), was);

    /* An upgrade of anything in it; what is old goes. */
    assert_int_equal(dm_file_write(program, DM_STR("two"), 0755, NULL), 0);
    assert_int_equal(dm_tree_make(&c, third, NULL), 0);
    assert_string_not_equal(first, third);
    assert_int_equal(inode(first, ""), 0);
    assert_true(inode(third, "/root/bin/sh") != 0);

    c.binary = "/no/such/vmm";
    assert_true(dm_tree_make(&c, second, &err) < 0);
    assert_says(err, "/no/such/vmm");
    assert_true(inode(third, "") != 0);
    c.binary = "../../etc/passwd";
    assert_int_equal(dm_tree_make(&c, second, &err), DM_E_INVALID);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(reads_what_the_loader_lists),
            cmocka_unit_test_setup_teardown(is_made_once_and_made_anew, rig_open, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
