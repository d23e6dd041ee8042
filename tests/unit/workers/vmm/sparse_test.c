#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "tests/support/vmmrig.h"
#include "workers/vmm/sparse.h"

enum { PAGE = 4096, MIB = 1024 * 1024 };

static int make(const rig *g, const char *name, char path[128], off_t size)
{
    int fd = open(rig_path(g, name, path), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    return fd;
}

static void put(int fd, off_t at, char c, size_t n)
{
    char buf[PAGE];
    memset(buf, c, sizeof(buf));
    for (; n > 0; n -= PAGE, at += PAGE)
        assert_int_equal(pwrite(fd, buf, PAGE, at), PAGE);
}

static char at(int fd, off_t where)
{
    char c;
    assert_int_equal(pread(fd, &c, 1, where), 1);
    return c;
}

static int64_t blocks(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_blocks;
}

static void copy_keeps_bytes_and_holes(void **state)
{
    rig *g = *state;
    char from[128], to[128];
    DM_AUTO_FD a = make(g, "a", from, (off_t)8 * MIB + 100);
    put(a, 0, 'x', PAGE);
    put(a, 3 * MIB, 'y', 2 * PAGE);
    assert_int_equal(pwrite(a, "end", 3, (off_t)8 * MIB + 97), 3);
    assert_int_equal(dm_sparse_copy(from, rig_path(g, "b", to), true, NULL), 0);
    DM_AUTO_FD b = open(to, O_RDONLY | O_CLOEXEC);
    struct stat st;
    assert_int_equal(fstat(b, &st), 0);
    assert_int_equal(st.st_size, (off_t)8 * MIB + 100);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_true(blocks(b) <= 8 * PAGE / 512);
    assert_int_equal(at(b, 10), 'x');
    assert_int_equal(at(b, 3 * MIB + PAGE), 'y');
    assert_int_equal(at(b, MIB), 0);
    assert_int_equal(at(b, (off_t)8 * MIB + 99), 'd');
    dm_err err;
    assert_int_equal(dm_sparse_copy(from, to, false, &err), DM_E_EXISTS);
    assert_int_equal(dm_sparse_copy("/nowhere", to, false, &err), DM_E_NOTFOUND);
}

/* Templates and machines need not share a file system. */
static void copy_reaches_another_file_system(void **state)
{
    rig *g = *state;
    char from[] = "/dev/shm/dm-sparse-test-XXXXXX", to[128];
    DM_AUTO_FD a = mkstemp(from);
    struct stat here, there;
    if (a < 0 || fstat(a, &there) < 0 || stat(g->dir, &here) < 0 || here.st_dev == there.st_dev) {
        print_message("      there is no second file system\n");
        skip();
    }
    assert_int_equal(ftruncate(a, (off_t)4 * MIB), 0);
    put(a, MIB, 'x', PAGE);
    put(a, 3 * MIB, 'y', PAGE);
    int r = dm_sparse_copy(from, rig_path(g, "far", to), true, NULL);
    (void)unlink(from);
    assert_int_equal(r, 0);
    DM_AUTO_FD b = open(to, O_RDONLY | O_CLOEXEC);
    assert_true(blocks(b) <= 4 * PAGE / 512);
    assert_int_equal(at(b, MIB), 'x');
    assert_int_equal(at(b, 3 * MIB + PAGE - 1), 'y');
    assert_int_equal(at(b, 2 * MIB), 0);
}

/* A disk as an image hands it out may be read-only; its copy is somebody's. */
static void copy_can_be_written(void **state)
{
    rig *g = *state;
    char from[128], to[128];
    DM_AUTO_FD a = make(g, "a", from, PAGE);
    assert_int_equal(fchmod(a, 0444), 0);
    assert_int_equal(dm_sparse_copy(from, rig_path(g, "b", to), false, NULL), 0);
    struct stat st;
    assert_int_equal(stat(to, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

static void fill_leaves_out_zeros(void **state)
{
    rig *g = *state;
    char from[128], to[128];
    DM_AUTO_FD a = make(g, "a", from, (off_t)4 * MIB);
    DM_AUTO_FD b = make(g, "b", to, (off_t)4 * MIB);
    put(a, 0, 0, MIB);
    put(a, MIB, 'x', PAGE);
    put(a, MIB + PAGE, 0, 100 * PAGE);
    put(a, 2 * MIB - PAGE, 'z', 2 * PAGE); /* across a step */
    assert_int_equal(dm_sparse_fill(a, b, NULL), 0);
    assert_int_equal(blocks(b), 3 * PAGE / 512);
    assert_int_equal(at(b, MIB), 'x');
    assert_int_equal(at(b, MIB + PAGE), 0);
    assert_int_equal(at(b, 2 * MIB - 1), 'z');
    assert_int_equal(at(b, 2 * MIB), 'z');
}

static int refuse(void *arg, uint64_t where, uint64_t length, dm_err *err)
{
    (void)where;
    (void)length;
    (*(int *)arg)++;
    return dm_fail(err, DM_E_LIMIT, "enough");
}

static void each_hands_an_error_on(void **state)
{
    rig *g = *state;
    char path[128];
    int calls = 0;
    DM_AUTO_FD a = make(g, "a", path, MIB);
    assert_int_equal(dm_sparse_each(a, refuse, &calls, NULL), 0); /* nothing but a hole */
    put(a, 0, 'x', PAGE);
    put(a, 512 * 1024, 'x', PAGE);
    assert_int_equal(dm_sparse_each(a, refuse, &calls, NULL), DM_E_LIMIT);
    assert_int_equal(calls, 1);
}

enum { RUNS = 12 };

struct cold {
    void *map; /* of the file, in which nobody has read */
    unsigned calls;
};

/* Whether the first page of this run is in memory. */
static bool is_there(const struct cold *c, int no)
{
    unsigned char there;
    assert_int_equal(mincore((char *)c->map + (size_t)no * 2 * MIB, PAGE, &there), 0);
    return (there & 1) != 0;
}

static bool comes(const struct cold *c, int no)
{
    for (int i = 0; i < 2000 && !is_there(c, no); i++)
        (void)usleep(5000);
    return is_there(c, no);
}

static int look(void *arg, uint64_t where, uint64_t length, dm_err *err)
{
    struct cold *c = arg;
    (void)where;
    (void)err;
    assert_int_equal(length, MIB);
    if (c->calls++ == 0) {
        assert_true(comes(c, 5));
        assert_false(is_there(c, RUNS - 1)); /* and not all there is, however large it is */
    }
    return 0;
}

/* Nobody reads in here: what comes into memory was asked for. */
static void the_next_runs_are_asked_for(void **state)
{
    rig *g = *state;
    char path[128];
    struct cold c = {.calls = 0};
    DM_AUTO_FD a = make(g, "a", path, (off_t)RUNS * 2 * MIB);
    for (int i = 0; i < RUNS; i++)
        put(a, (off_t)i * 2 * MIB, 'x', MIB);
    c.map = mmap(NULL, (size_t)RUNS * 2 * MIB, PROT_READ, MAP_SHARED, a, 0);
    assert_true(c.map != MAP_FAILED);
    assert_int_equal(fsync(a), 0);
    assert_int_equal(posix_fadvise(a, 0, 0, POSIX_FADV_DONTNEED), 0);
    for (int i = 0; i < RUNS; i++) {
        if (is_there(&c, i)) {
            print_message("      this file system keeps all in memory\n");
            (void)munmap(c.map, (size_t)RUNS * 2 * MIB);
            skip();
        }
    }
    assert_int_equal(dm_sparse_each(a, look, &c, NULL), 0);
    assert_int_equal(c.calls, RUNS);
    assert_true(comes(&c, RUNS - 1));
    assert_int_equal(munmap(c.map, (size_t)RUNS * 2 * MIB), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(copy_keeps_bytes_and_holes, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(copy_reaches_another_file_system, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(copy_can_be_written, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(fill_leaves_out_zeros, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(each_hands_an_error_on, rig_open, rig_close),
            cmocka_unit_test_setup_teardown(the_next_runs_are_asked_for, rig_open, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
