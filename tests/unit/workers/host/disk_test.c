#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/test.h"
#include "workers/host/disk.h"

enum { MIB = 1024 * 1024 };

static void units_are_of_blocks_rounded_up(void **state)
{
    (void)state;
    char dir[] = "/tmp/dm-disk-test-XXXXXX", path[64], copy[64], buf[4096];
    uint32_t units;
    dm_err err;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/a", dir);
    (void)snprintf(copy, sizeof(copy), "%s/b", dir);
    DM_AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, (off_t)1024 * MIB), 0);
    assert_int_equal(dm_disk_units(path, &units, NULL), 0);
    assert_int_equal(units, 0); /* a size is not blocks */
    memset(buf, 1, sizeof(buf));
    assert_int_equal(pwrite(fd, buf, sizeof(buf), (off_t)500 * MIB), sizeof(buf));
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(dm_disk_units(path, &units, NULL), 0);
    assert_int_equal(units, 1);
    assert_int_equal(posix_fallocate(fd, 0, (off_t)17 * MIB), 0);
    assert_int_equal(dm_disk_units(path, &units, NULL), 0);
    assert_int_equal(units, 2);
    assert_int_equal(dm_disk_copy(path, copy, true, NULL), 0);
    struct stat st;
    assert_int_equal(stat(copy, &st), 0);
    assert_int_equal(st.st_size, (off_t)1024 * MIB);
    assert_int_equal(dm_disk_units("/nowhere", &units, &err), DM_E_NOTFOUND);
    (void)unlink(path);
    (void)unlink(copy);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(units_are_of_blocks_rounded_up)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
