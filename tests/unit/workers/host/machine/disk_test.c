#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/unit/test.h"
#include "workers/host/machine/disk.h"
#include "workers/vmm/sparse.h"

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
    assert_int_equal(dm_sparse_copy(path, copy, true, NULL), 0);
    struct stat st;
    assert_int_equal(stat(copy, &st), 0);
    assert_int_equal(st.st_size, (off_t)1024 * MIB);
    assert_int_equal(dm_disk_units("/nowhere", &units, &err), DM_E_NOTFOUND);
    (void)unlink(path);
    (void)unlink(copy);
    (void)rmdir(dir);
}

/* Somebody has it open before it is filled, as a VMM does. */
static void a_blank_disk_is_filled_in_place(void **state)
{
    (void)state;
    char dir[] = "/tmp/dm-disk-test-XXXXXX", from[64], to[64], small[64], buf[4096], back[4096];
    struct stat st;
    dm_err err;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(from, sizeof(from), "%s/a", dir);
    (void)snprintf(to, sizeof(to), "%s/b", dir);
    (void)snprintf(small, sizeof(small), "%s/c", dir);
    DM_AUTO_FD fd = open(from, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, (off_t)64 * MIB), 0);
    memset(buf, 7, sizeof(buf));
    assert_int_equal(pwrite(fd, buf, sizeof(buf), (off_t)33 * MIB), sizeof(buf));
    assert_int_equal(dm_disk_blank(from, to, NULL), 0);
    assert_int_equal(dm_disk_blank(from, to, &err), DM_E_EXISTS);
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_size, (off_t)64 * MIB);
    assert_int_equal(st.st_blocks, 0);
    DM_AUTO_FD open_before = open(to, O_RDWR | O_CLOEXEC);
    assert_int_equal(dm_disk_fill(from, to, NULL), 0);
    assert_int_equal(pread(open_before, back, sizeof(back), (off_t)33 * MIB), sizeof(back));
    assert_memory_equal(back, buf, sizeof(buf));
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_size, (off_t)64 * MIB);
    DM_AUTO_FD other = open(small, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(other, MIB), 0);
    assert_int_equal(dm_disk_fill(small, to, &err), DM_E_CONFLICT); /* whoever has it open knows its size */
    assert_int_equal(dm_disk_fill("/nowhere", to, &err), DM_E_NOTFOUND);
    assert_int_equal(dm_disk_fill(from, "/nowhere/x", &err), DM_E_NOTFOUND);
    (void)unlink(from);
    (void)unlink(to);
    (void)unlink(small);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(units_are_of_blocks_rounded_up), cmocka_unit_test(a_blank_disk_is_filled_in_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
