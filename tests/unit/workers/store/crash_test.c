/* An image is made, released and removed by a process that dies at each of the named points: what is there then is
 * whole, and what is not whole is gone with the next sweep. */
/* Covers workers/store/object.c. */
#include <dirent.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/point.h"

#include "tests/unit/test.h"
#include "workers/store/object.h"

enum { DIED = 77 };

static int dies_at = -1;

void dm_point_reached(dm_point p)
{
    if ((int)p == dies_at)
        _exit(DIED);
}

static int put(const char *dir, const char *name, const char *text)
{
    char path[PATH_MAX];
    int r = dm_path(path, sizeof path, NULL, "%s/%s", dir, name);
    return r < 0 ? r : dm_file_write(path, dm_str_c(text), 0600, NULL);
}

/* The whole life of one, in a process of its own. */
static int life(const char *root)
{
    char dir[PATH_MAX];
    dm_object o = {.kind = DM_OBJECT_CHECKPOINT, .kept = true};
    int r = dm_object_begin(root, "cp", dir, NULL);
    r = r < 0 ? r : put(dir, "ram", "memory");
    r = r < 0 ? r : put(dir, "disk.ext4", "disk");
    r = r < 0 ? r : dm_object_seal(root, "cp", &o, true, NULL);
    r = r < 0 ? r : dm_object_release(root, "cp", NULL);
    return r < 0 ? r : dm_object_discard(root, "cp", NULL);
}

static unsigned entries(const char *root)
{
    unsigned n = 0;
    DIR *d = opendir(root);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

/* Whether the image has its name when that point is reached, and is somebody's. */
static bool named(int point)
{
    return point == DM_POINT_STORE_NAMED || point == DM_POINT_STORE_RELEASED;
}

static void nothing_is_half(void **state)
{
    (void)state;
#ifndef DM_WITH_POINTS
    skip();
#endif
    for (int point = DM_POINT_STORE_BEGUN; point <= DM_POINT_STORE_GOING; point++) {
        char root[] = "/tmp/dm-store-XXXXXX";
        int status;
        dm_object o;
        assert_non_null(mkdtemp(root));
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            dies_at = point;
            _exit(life(root) < 0 ? 1 : 0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == DIED);
        assert_int_equal(dm_objects_sweep(root, NULL, NULL, NULL), 0);
        assert_int_equal(entries(root), named(point) ? 1 : 0);
        if (named(point)) {
            assert_int_equal(dm_object_check(root, "cp", NULL), 0);
            assert_int_equal(dm_object_read(root, "cp", &o, NULL), 0);
            assert_int_equal(o.nfiles, 2);
            assert_int_equal(o.kept, point == DM_POINT_STORE_NAMED);
            assert_int_equal(dm_object_discard(root, "cp", NULL), 0);
        } else {
            assert_int_equal(dm_object_read(root, "cp", &o, NULL), DM_E_NOTFOUND);
        }
        assert_int_equal(life(root), 0); /* and nothing is in the next one's way */
        assert_int_equal(entries(root), 0);
        assert_int_equal(dm_remove_tree(root, NULL), 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_half)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
