/* Covers workers/guest/files/entry.c, workers/guest/files/metadata.c, workers/guest/http/squeeze.c. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/xattr.h>

#include "base/file.h"

#include "tests/unit/test.h"
#include "workers/guest/files/metadata.h"
#include "workers/guest/files/walk.h"
#include "workers/guest/http/squeeze.h"

typedef struct fixture {
    char dir[32];
    dm_users *users;
    dm_message memory;
} fixture;

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof(*f));
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/dm-walk-XXXXXX");
    if (mkdtemp(f->dir) == NULL || chdir(f->dir) != 0 || dm_users_new(&f->users, NULL) != 0)
        return -1;
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    int r = chdir("/") == 0 ? dm_remove_tree(f->dir, NULL) : -1;
    dm_users_free(f->users);
    dm_message_done(&f->memory);
    free(f);
    return r;
}

static void make_file(const char *path)
{
    assert_int_equal(dm_file_write(path, DM_STR("x"), 0644, NULL), 0);
}

static void make_tree(void)
{
    assert_int_equal(mkdir("sub", 0755), 0);
    assert_int_equal(mkdir("sub/deep", 0755), 0);
    make_file("file1");
    make_file("sub/deep/b");
    make_file("sub/deep/a");
    assert_int_equal(symlink("sub", "link"), 0);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
}

/* Names below the directory, in the order they come. */
static const char *listed(fixture *f, const char *root, uint32_t depth, dm_buf *b)
{
    DM_AUTO(dm_lister) l = NULL;
    dm_list out;
    int r;
    dm_buf_reset(b);
    assert_int_equal(dm_lister_new(root, depth, f->users, &f->memory, &l, NULL), 0);
    while ((r = dm_lister_step(l, &out, NULL)) == DM_WALK_MORE)
        ;
    assert_int_equal(r, 0);
    for (size_t i = 0; i < out.n; i++)
        (void)dm_buf_fmt(b, "%s ", ((const dm_m_entry *)out.v)[i].path + strlen(root) + 1);
    return b->p != NULL ? b->p : "";
}

static void lists(void **state)
{
    fixture *f = *state;
    DM_AUTO_BUF b;
    char link[64];
    dm_buf_init(&b, 4096);
    assert_string_equal(listed(f, f->dir, 1, &b), "");
    make_tree();
    assert_string_equal(listed(f, f->dir, 1, &b), "dangling file1 link sub ");
    assert_string_equal(listed(f, f->dir, 2, &b), "dangling file1 link sub sub/deep ");
    assert_string_equal(listed(f, f->dir, 9, &b), "dangling file1 link sub sub/deep sub/deep/a sub/deep/b ");
    (void)snprintf(link, sizeof(link), "%s/link", f->dir); /* as a root a link is followed */
    assert_string_equal(listed(f, link, 1, &b), "deep ");
    dm_lister *l = NULL;
    assert_int_equal(dm_lister_new("/nowhere", 1, f->users, &f->memory, &l, NULL), DM_E_NOTFOUND);
}

static dm_m_entry entry(fixture *f, const char *name)
{
    char path[64];
    dm_m_entry e;
    (void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
    assert_int_equal(dm_entry_read(f->users, path, &f->memory, &e, NULL), 0);
    return e;
}

static void describes(void **state)
{
    fixture *f = *state;
    make_tree();
    dm_m_entry e = entry(f, "link");
    assert_true(e.is_symlink && e.has_target);
    assert_int_equal(e.type, DM_FILE_DIRECTORY);
    assert_int_equal(e.mode, 0755);
    assert_int_equal(e.size, 3);
    assert_string_equal(e.permissions, "Lrwxrwxrwx");
    assert_string_equal(e.symlink_target + strlen(e.symlink_target) - 4, "/sub");
    e = entry(f, "dangling");
    assert_int_equal(e.type, DM_FILE_UNSPECIFIED);
    assert_int_equal(e.mode, 0);
    assert_string_equal(e.symlink_target, e.path);
    e = entry(f, "file1");
    assert_int_equal(e.mode, 0644);
    assert_string_equal(e.permissions, "-rw-r--r--");
    assert_string_equal(e.name, "file1");
    dm_m_entry none;
    assert_int_equal(dm_entry_read(f->users, "/nowhere", &f->memory, &none, NULL), DM_E_NOTFOUND);
}

static void spells_permissions(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        const char *text;
    } rows[] = {{S_IFDIR | 01777, "dtrwxrwxrwx"}, {S_IFDIR | 02755, "dgrwxr-xr-x"}, {S_IFREG | 04755, "urwxr-xr-x"},
            {S_IFCHR | 0666, "Dcrw-rw-rw-"}, {S_IFBLK | 0660, "Drw-rw----"}, {S_IFIFO | 0644, "prw-r--r--"},
            {S_IFSOCK | 0755, "Srwxr-xr-x"}, {S_IFREG | 0, "----------"}};
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        char out[DM_PERMISSIONS];
        dm_entry_permissions(rows[i].mode, out);
        assert_string_equal(out, rows[i].text);
    }
}

static int removed(const char *path)
{
    DM_AUTO(dm_remover) r = NULL;
    assert_int_equal(dm_remover_new(path, &r, NULL), 0);
    int s;
    unsigned steps = 0;
    do
        s = dm_remover_step(r, NULL);
    while (s == DM_WALK_MORE && ++steps < 100000);
    return s;
}

static void removes(void **state)
{
    (void)state;
    make_tree();
    assert_int_equal(removed("link"), 0); /* the link, not what it leads to */
    assert_int_equal(access("sub/deep/a", F_OK), 0);
    assert_int_equal(removed("sub/."), DM_E_IO);
    assert_int_equal(removed("sub/"), 0);
    assert_int_not_equal(access("sub", F_OK), 0);
    assert_int_equal(removed("never"), 0);
    assert_int_equal(removed("file1/below"), DM_E_IO);
    assert_int_equal(removed("file1"), 0);
    /* deeper than there are descriptors, and more in one place than a slice */
    assert_int_equal(mkdir("d", 0755), 0);
    assert_int_equal(chdir("d"), 0);
    for (unsigned i = 0; i < 1500; i++)
        assert_int_equal(mkdir("d", 0755) | chdir("d"), 0);
    for (unsigned i = 0; i < DM_WALK_SLICE + 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "f%u", i);
        assert_int_equal(close(creat(name, 0644)), 0);
    }
    for (unsigned i = 0; i <= 1500; i++)
        assert_int_equal(chdir(".."), 0);
    assert_int_equal(removed("d"), 0);
    assert_int_not_equal(access("d", F_OK), 0);
}

static void keeps_metadata(void **state)
{
    fixture *f = *state;
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/file1", f->dir);
    make_file(path);
    if (setxattr(path, "user.e2b.old", "1", 1, 0) != 0)
        skip(); /* a file system without them */
    assert_int_equal(setxattr(path, "user.other", "1", 1, 0), 0);
    dm_head_field fields[] = {{DM_STR("X-Metadata-Foo"), DM_STR("bar")}, {DM_STR("x-metadata-foo"), DM_STR("second")},
            {DM_STR("x-metadata-"), DM_STR("bare")}, {DM_STR("X-Metadata-e"), DM_STR("")}};
    dm_head h = {.fields = fields, .n = 4};
    dm_pairs set;
    assert_int_equal(dm_metadata_from_head(&h, &f->memory, &set, NULL), 0);
    DM_AUTO_FD fd = open(path, O_WRONLY);
    assert_int_equal(dm_metadata_replace(fd, &set, NULL), 0);
    dm_m_entry e = entry(f, "file1");
    assert_int_equal(e.metadata.n, 2);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(e.metadata.v[i].value, strcmp(e.metadata.v[i].key, "foo") == 0 ? "bar" : "");
    fields[0].value = DM_STR("\xc3\xbc");
    assert_int_equal(dm_metadata_from_head(&h, &f->memory, &set, NULL), DM_E_INVALID);
    char big[4200];
    memset(big, 'a', sizeof(big));
    fields[0].value = (dm_str){big, sizeof(big)};
    assert_int_equal(dm_metadata_from_head(&h, &f->memory, &set, NULL), DM_E_INVALID);
}

static int collect(void *arg, dm_str plain, dm_err *err)
{
    (void)err;
    return dm_buf_str(arg, plain);
}

static void squeezes(void **state)
{
    (void)state;
    DM_AUTO(dm_gzip) g = NULL;
    DM_AUTO_BUF plain, packed, back;
    dm_buf_init(&plain, 1 << 20);
    dm_buf_init(&packed, 1 << 21);
    dm_buf_init(&back, 1 << 20);
    for (unsigned i = 0; i < 50000; i++)
        (void)dm_buf_fmt(&plain, "%u,", i * i);
    assert_int_equal(dm_gzip_new(&g, NULL), 0);
    assert_int_equal(dm_gzip_feed(g, dm_buf_view(&plain), false, &packed, NULL), 0);
    assert_int_equal(dm_gzip_feed(g, DM_STR(""), true, &packed, NULL), 0);
    for (size_t step = 1; step < 70000; step = step * 7 + 1) {
        DM_AUTO(dm_gunzip) z = NULL;
        dm_str all = dm_buf_view(&packed);
        dm_buf_reset(&back);
        assert_int_equal(dm_gunzip_new(&z, NULL), 0);
        while (all.n > 0) {
            size_t n = all.n < step ? all.n : step;
            assert_false(dm_gunzip_whole(z));
            assert_int_equal(dm_gunzip_feed(z, (dm_str){all.p, n}, collect, &back, NULL), 0);
            all = (dm_str){all.p + n, all.n - n};
        }
        assert_true(dm_gunzip_whole(z));
        assert_true(dm_str_eq(dm_buf_view(&back), dm_buf_view(&plain)));
    }
    dm_buf_reset(&back);
    assert_int_equal(dm_gunzip_all(DM_STR("not gzip at all"), &back, NULL), DM_E_INVALID);
    assert_int_equal(dm_gunzip_all((dm_str){packed.p, packed.len - 1}, &back, NULL), DM_E_CORRUPT);
    DM_AUTO_BUF small;
    dm_buf_init(&small, 1000);
    assert_int_equal(dm_gunzip_all(dm_buf_view(&packed), &small, NULL), DM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(lists, set_up, tear_down),
            cmocka_unit_test_setup_teardown(describes, set_up, tear_down), cmocka_unit_test(spells_permissions),
            cmocka_unit_test_setup_teardown(removes, set_up, tear_down),
            cmocka_unit_test_setup_teardown(keeps_metadata, set_up, tear_down), cmocka_unit_test(squeezes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
