/* A digest is of what a file holds, not of how its blocks lie. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/store/digest.h"
#include "workers/vmm/sparse.h"

enum { PAGE = 4096, SIZE = 64 * PAGE };

static dm_digest of(const char *path)
{
    dm_digest d;
    DM_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(dm_digest_file(fd, &d, NULL), 0);
    return d;
}

static void put(const char *path, const char *bytes, size_t n, off_t at, off_t size)
{
    DM_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(dm_pwrite_all(fd, bytes, n, at, NULL), 0);
}

static void holes_and_copies_are_the_same(void **state)
{
    static const char zeros[SIZE];
    char dir[] = "/tmp/dm-digest-XXXXXX", a[64], b[64], c[64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(a, sizeof a, "%s/a", dir);
    (void)snprintf(b, sizeof b, "%s/b", dir);
    (void)snprintf(c, sizeof c, "%s/c", dir);
    put(a, "word", 4, 5 * PAGE + 7, SIZE);
    put(b, zeros, SIZE, 0, SIZE); /* no hole at all */
    put(b, "word", 4, 5 * PAGE + 7, SIZE);
    assert_int_equal(dm_sparse_copy(a, c, false, NULL), 0);
    dm_digest whole = of(a), full = of(b), copy = of(c);
    assert_memory_equal(whole.b, full.b, DM_SHA256);
    assert_memory_equal(whole.b, copy.b, DM_SHA256);
    assert_int_equal(dm_remove_tree(dir, NULL), 0);
}

static void place_size_and_bytes_count(void **state)
{
    char dir[] = "/tmp/dm-digest-XXXXXX", path[4][64];
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < 4; i++)
        (void)snprintf(path[i], sizeof path[i], "%s/%d", dir, i);
    put(path[0], "word", 4, 5 * PAGE, SIZE);
    put(path[1], "word", 4, 6 * PAGE, SIZE);
    put(path[2], "word", 4, 5 * PAGE, SIZE + 1);
    put(path[3], "wore", 4, 5 * PAGE, SIZE);
    for (int i = 1; i < 4; i++) {
        dm_digest first = of(path[0]), other = of(path[i]);
        assert_memory_not_equal(first.b, other.b, DM_SHA256);
    }
    assert_int_equal(dm_remove_tree(dir, NULL), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(holes_and_copies_are_the_same),
            cmocka_unit_test(place_size_and_bytes_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
