/* The names of folders, and which of them can be read back. */
#include "tests/unit/test.h"
#include "workers/host/machine/place.h"

static char data[] = "/d", images[] = "/i", templates[] = "/t";
static const dm_host_config conf = {.data_dir = data, .images_dir = images, .templates_dir = templates};

static void names_are_what_sleepers_and_vms_have_on_disks_now(void **state)
{
    char path[PATH_MAX], disk[PATH_MAX];
    dm_sandbox_name name = {"i0123456789abcdefghij"};
    (void)state;
    assert_int_equal(dm_place_vm(&conf, 17, path, NULL), 0);
    assert_string_equal(path, "/d/vms/17");
    assert_int_equal(dm_place_disk(path, disk, NULL), 0);
    assert_string_equal(disk, "/d/vms/17/disk.ext4");
    assert_int_equal(dm_place_sleeper(&conf, &name, 3, path, NULL), 0);
    assert_string_equal(path, "/d/sleepers/i0123456789abcdefghij.3");
    assert_int_equal(dm_place_image(&conf, "base", path, NULL), 0);
    assert_string_equal(path, "/i/base");
    assert_int_equal(dm_place_snapshot(&conf, "0123456789abcdef", 2, 512, path, NULL), 0);
    assert_string_equal(path, "/t/0123456789abcdef-2c512m");
    assert_string_equal(dm_place_template_name(path), "0123456789abcdef-2c512m");
    assert_string_equal(dm_place_template_name(""), "");
    assert_int_equal(dm_place_template(&conf, "0123456789abcdef-2c512m.1", path, NULL), 0);
    assert_string_equal(path, "/t/0123456789abcdef-2c512m.1");
    assert_int_equal(dm_place_template(&conf, "cp-1", path, NULL), 0); /* a checkpoint is one, too */
    assert_string_equal(path, "/d/store/cp-1");
    assert_true(dm_place_is_checkpoint(dm_place_template_name(path)));
    assert_false(dm_place_is_checkpoint("0123456789abcdef-2c512m"));
    assert_int_equal(dm_place_store(&conf, path, NULL), 0);
    assert_string_equal(path, "/d/store");
}

static void what_is_ours_is_read_back(void **state)
{
    dm_sandbox_id id, want;
    int64_t epoch;
    dm_str rest;
    (void)state;
    assert_int_equal(dm_sandbox_id_parse(DM_STR("i0123456789abcdefghij"), &want, NULL), 0);
    assert_true(dm_place_read("i0123456789abcdefghij.3", &id, &epoch, &rest));
    assert_true(dm_sandbox_id_eq(&id, &want));
    assert_int_equal(epoch, 3);
    assert_int_equal(rest.n, 0);
    assert_true(dm_place_read("i0123456789abcdefghij.3" DM_PLACE_MAKING, &id, &epoch, &rest));
    assert_int_not_equal(rest.n, 0);
    assert_true(dm_place_read("i0123456789abcdefghij.2147483647.10.77.0.2", &id, &epoch, &rest));
    assert_str(rest, "10.77.0.2");
    static const char *const not_ours[] = {"", ".", "..", "i0123456789abcdefghij", "i0123456789abcdefghij.",
            "i0123456789abcdefghij.0", "i0123456789abcdefghij.2147483648", "i0123456789abcdefghij.x", "a.3", ".3",
            "i0123456789abcdefghi.3", "lost+found"};
    for (size_t i = 0; i < DM_LEN(not_ours); i++)
        assert_false(dm_place_read(not_ours[i], &id, &epoch, &rest));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(names_are_what_sleepers_and_vms_have_on_disks_now),
            cmocka_unit_test(what_is_ours_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
