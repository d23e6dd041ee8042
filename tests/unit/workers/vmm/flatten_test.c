/* A delta becomes a base: its pages over the base's, zeros too, and a manifest that says so. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/vmm/flatten.h"
#include "workers/vmm/manifest.h"

enum { PAGE = 4096, PAGES = 8 };

static char root[64], base[96], dir[96];

static void page_at(const char *folder, const char *name, int no, char fill)
{
    char path[160], page[PAGE];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    memset(page, fill, sizeof page);
    DM_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, PAGES * PAGE), 0);
    assert_int_equal(dm_pwrite_all(fd, page, PAGE, (off_t)no * PAGE, NULL), 0);
}

static void manifest(const char *folder, const char *id, const char *kind, const char *of)
{
    union {
        const char *from;
        char *to; /* the writer only reads */
    } text[] = {{id}, {kind}, {of}, {"x"}};
    const dm_manifest m = {.format = DM_MANIFEST_FORMAT,
            .id = text[0].to,
            .kind = text[1].to,
            .base = text[2].to,
            .vmm = text[3].to,
            .machine = text[3].to,
            .devices = text[3].to,
            .accel = text[3].to,
            .cpu = text[3].to,
            .firmware = text[3].to,
            .image = text[3].to,
            .vcpus = 2,
            .mem_mib = 256,
            .tsc_khz = 3};
    assert_int_equal(dm_manifest_write(folder, &m, NULL), 0);
}

static int setup(void **state)
{
    char image[128];
    (void)state;
    (void)snprintf(root, sizeof root, "/tmp/dm-flatten-XXXXXX");
    assert_non_null(mkdtemp(root));
    (void)snprintf(base, sizeof base, "%s/base", root);
    (void)snprintf(dir, sizeof dir, "%s/dir", root);
    (void)snprintf(image, sizeof image, "%s/image", base);
    assert_int_equal(dm_mkdir_p(image, 0700, NULL), 0);
    assert_int_equal(dm_mkdir_p(dir, 0700, NULL), 0);
    page_at(base, "ram", 1, 'b');
    page_at(base, "ram", 2, 'b');
    page_at(base, "ram", 5, 'b');
    page_at(base, "image/root.erofs", 0, 'r');
    manifest(base, "the-base", "full", "");
    page_at(dir, "delta", 2, 'd');
    page_at(dir, "delta", 5, 0); /* what the guest has wiped stays wiped */
    page_at(dir, "delta", 7, 'd');
    page_at(dir, "device", 0, 'v');
    manifest(dir, "the-delta", "delta", "the-base");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return dm_remove_tree(root, NULL);
}

static void it_is_a_base(void **state)
{
    static const char pages[PAGES] = {0, 'b', 'd', 0, 0, 0, 0, 'd'};
    char path[160], byte;
    struct stat st, other;
    DM_AUTO_MANIFEST m = {.format = 0};
    (void)state;
    assert_int_equal(dm_flatten(dir, base, NULL), 0);
    (void)snprintf(path, sizeof path, "%s/ram", dir);
    DM_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    assert_int_equal(st.st_size, PAGES * PAGE);
    assert_int_equal(st.st_mode & 0777, 0644);
    for (int i = 0; i < PAGES; i++) {
        assert_int_equal(pread(fd, &byte, 1, (off_t)i * PAGE), 1);
        assert_int_equal(byte, pages[i]);
    }
    (void)snprintf(path, sizeof path, "%s/delta", dir);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(dm_manifest_read(dir, &m, NULL), 0);
    assert_string_equal(m.kind, "full");
    assert_string_equal(m.base, "");
    assert_string_not_equal(m.id, "the-delta");
    assert_int_equal(m.vcpus, 2);
    assert_int_equal(m.tsc_khz, 3);
    (void)snprintf(path, sizeof path, "%s/image/root.erofs", dir);
    assert_int_equal(stat(path, &st), 0);
    (void)snprintf(path, sizeof path, "%s/image/root.erofs", base);
    assert_int_equal(stat(path, &other), 0);
    assert_int_equal(st.st_ino, other.st_ino); /* shared, not copied */
}

static void memories_of_two_sizes_are_not_laid_over_each_other(void **state)
{
    char path[160];
    dm_err err;
    (void)state;
    (void)snprintf(path, sizeof path, "%s/delta", dir);
    assert_int_equal(truncate(path, PAGE), 0);
    assert_int_equal(dm_flatten(dir, base, &err), DM_E_CONFLICT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(it_is_a_base, setup, teardown),
            cmocka_unit_test_setup_teardown(memories_of_two_sizes_are_not_laid_over_each_other, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
