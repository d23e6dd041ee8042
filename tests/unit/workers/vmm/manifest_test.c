#include "tests/support/vmmrig.h"
#include "workers/vmm/manifest.h"

static char id[] = "0123", full[] = "full", none[] = "", vmm[] = "qemu 10.0.2", machine[] = "microvm",
            devices[] = "blk:d0", accel[] = "tcg", cpu[] = "max", firmware[] = "f0", image[] = "i0", other[] = "other";

static dm_manifest sample(void)
{
    return (dm_manifest){.format = DM_MANIFEST_FORMAT,
            .id = id,
            .kind = full,
            .base = none,
            .vmm = vmm,
            .machine = machine,
            .devices = devices,
            .accel = accel,
            .cpu = cpu,
            .firmware = firmware,
            .image = image,
            .vcpus = 1,
            .mem_mib = 512,
            .tsc_khz = 2600000,
            .created_us = 5};
}

static void goes_round(void **state)
{
    rig *g = *state;
    dm_manifest m = sample();
    DM_AUTO_MANIFEST back = {.format = 0};
    assert_int_equal(dm_manifest_write(g->dir, &m, NULL), 0);
    assert_int_equal(dm_manifest_read(g->dir, &back, NULL), 0);
    assert_string_equal(back.devices, "blk:d0");
    assert_string_equal(back.base, "");
    assert_int_equal(back.tsc_khz, 2600000);
    assert_int_equal(dm_manifest_fits(&back, &m, NULL), 0);
}

static void each_difference_counts(void **state)
{
    (void)state;
    static const size_t words[] = {offsetof(dm_manifest, vmm), offsetof(dm_manifest, machine),
            offsetof(dm_manifest, devices), offsetof(dm_manifest, accel), offsetof(dm_manifest, cpu),
            offsetof(dm_manifest, firmware), offsetof(dm_manifest, image)};
    dm_err err;
    dm_manifest m = sample();
    for (size_t i = 0; i < DM_LEN(words); i++) {
        dm_manifest here = sample();
        *(char **)(void *)((char *)&here + words[i]) = other;
        assert_int_equal(dm_manifest_fits(&m, &here, &err), DM_E_CONFLICT);
        *(char **)(void *)((char *)&here + words[i]) = NULL; /* not asked */
        assert_int_equal(dm_manifest_fits(&m, &here, &err), 0);
    }
    dm_manifest here = sample();
    here.vcpus = 2;
    assert_int_equal(dm_manifest_fits(&m, &here, &err), DM_E_CONFLICT);
    here = sample();
    here.mem_mib = 513;
    assert_int_equal(dm_manifest_fits(&m, &here, &err), DM_E_CONFLICT);
    here = sample();
    here.id = other; /* who it is does not matter */
    assert_int_equal(dm_manifest_fits(&m, &here, &err), 0);
}

static void another_format_is_refused(void **state)
{
    rig *g = *state;
    dm_manifest m = sample(), back;
    dm_err err;
    m.format = DM_MANIFEST_FORMAT + 1;
    assert_int_equal(dm_manifest_write(g->dir, &m, NULL), 0);
    assert_int_equal(dm_manifest_read(g->dir, &back, &err), DM_E_INVALID);
    assert_int_equal(dm_manifest_read("/nowhere", &back, &err), DM_E_NOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(goes_round, rig_open, rig_close),
            cmocka_unit_test(each_difference_counts),
            cmocka_unit_test_setup_teardown(another_format_is_refused, rig_open, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
