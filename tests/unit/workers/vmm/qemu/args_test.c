/* The rules that section by section made the command line what it is: each was found by something that broke. */
/* Covers workers/vmm/qemu/host.c. */
#include <stdio.h>

#include "base/file.h"

#include "tests/support/vmmrig.h"
#include "workers/vmm/qemu/args.h"
#include "workers/vmm/qemu/host.h"

static const dm_vmm_env env = {.binary = "/usr/bin/qemu"};

static dm_vm_config config(int tap_fd)
{
    return (dm_vm_config){.vcpus = 2, .mem_mib = 1024, .tap_fd = tap_fd};
}

/* All words in one line. */
static const char *line_of(const dm_qemu_args *a, char out[8192])
{
    size_t n = 0;
    for (size_t i = 0; i < a->n; i++)
        n += (size_t)snprintf(out + n, 8192 - n, " %s", a->argv[i]);
    assert_null(a->argv[a->n]);
    return out;
}

static bool has(const char *line, const char *words)
{
    return strstr(line, words) != NULL;
}

static void clone_cannot_run_or_write_by_itself(void **state)
{
    (void)state;
    char line[8192];
    dm_vm_config c = config(5);
    DM_AUTO_QEMU_ARGS a = {.n = 0};
    assert_int_equal(dm_qemu_args_init(&a, &env, &c, "tcg", NULL, NULL), 0);
    (void)line_of(&a, line);
    assert_true(has(line, " -S "));
    assert_true(has(line, " -incoming defer "));
    assert_true(has(line, " -no-reboot "));
    assert_true(has(line, "share=off,readonly=on,rom=off"));
    assert_true(has(line, "migration.send-configuration=off"));
    assert_true(has(line, "suppress-vmdesc=on"));
    assert_true(has(line, "tb-size=32"));
    assert_true(has(line, "filename=/dev/fdset/1,read-only=on,locking=off"));
    assert_true(has(line, "filename=/dev/fdset/2,locking=on"));
    assert_true(has(line, "serial=d0,werror=report"));
    assert_true(has(line, "mac=02:00:00:00:00:02"));
    assert_true(has(line, "spawn=deny"));
    assert_false(has(line, "-kernel"));
    assert_false(has(line, "balloon"));
    assert_int_equal(strncmp(line, " /usr/bin/qemu -M microvm", 25), 0);
    assert_true(has(line, "mem-path=/ram,share=off"));
    assert_false(has(line, "/proc/")); /* there is none in a jail */
}

static void boot_shares_its_memory(void **state)
{
    (void)state;
    char line[8192];
    dm_vm_config c = config(-1);
    DM_AUTO_QEMU_ARGS a = {.n = 0};
    assert_int_equal(dm_qemu_args_init(&a, &env, &c, "kvm", "quiet a=b", NULL), 0);
    (void)line_of(&a, line);
    assert_true(has(line, "mem-path=/ram,share=on -nodefaults"));
    assert_true(has(line, " -kernel /kernel -initrd /initrd -append quiet a=b "));
    assert_true(has(line, " -cpu host -m 1024 -smp 2 "));
    assert_false(has(line, "-incoming"));
    assert_false(has(line, "netdev"));
}

/* The device by descriptor: /dev/kvm is root's and a group's, a guest's process neither. */
static void kvm_comes_by_descriptor(void **state)
{
    (void)state;
    char line[8192];
    dm_vm_config c = config(5);
    DM_AUTO_QEMU_ARGS kvm = {.n = 0};
    DM_AUTO_QEMU_ARGS tcg = {.n = 0};
    assert_int_equal(dm_qemu_args_init(&kvm, &env, &c, "kvm", NULL, NULL), 0);
    assert_true(has(line_of(&kvm, line), " -add-fd fd=8,set=3 -accel kvm,device=/dev/fdset/3 "));
    assert_int_equal(dm_qemu_args_init(&tcg, &env, &c, "tcg", NULL, NULL), 0);
    assert_false(has(line_of(&tcg, line), "kvm"));
    assert_false(has(line, "fd=8"));
}

/* The clock's rate is what keeps a guest under TCG from hanging in its calibration. */
static void cmdline_tells_the_clock(void **state)
{
    rig *g = *state;
    char path[128];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4096);
    assert_int_equal(dm_file_write(rig_path(g, "cmdline", path), DM_STR("quiet x\n"), 0600, NULL), 0);
    assert_int_equal(dm_file_write(rig_path(g, "cmdline.tcg", path), DM_STR("tcg only \n"), 0600, NULL), 0);
    assert_int_equal(dm_qemu_cmdline(g->dir, "tcg", 2600000, &b, NULL), 0);
    assert_str(dm_buf_view(&b), "quiet x tcg only tsc_early_khz=2600000 lpj=10400000");
    dm_buf_reset(&b);
    assert_int_equal(dm_qemu_cmdline(g->dir, "kvm", 0, &b, NULL), 0);
    assert_str(dm_buf_view(&b), "quiet x");
    dm_err err;
    assert_int_equal(dm_file_write(rig_path(g, "cmdline", path), DM_STR("two\nlines\n"), 0600, NULL), 0);
    assert_int_equal(dm_qemu_cmdline(g->dir, "kvm", 0, &b, &err), DM_E_INVALID);
}

static void version_is_read_as_the_monitor_says_it(void **state)
{
    (void)state;
    char v[64];
    dm_err err;
    assert_int_equal(dm_qemu_version_read(
                             dm_str_c("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)"), v, NULL),
            0);
    assert_string_equal(v, "10.0.2 Debian 1:10.0.2+ds-2+deb13u1~bpo12+1");
    assert_int_equal(dm_qemu_version_read(dm_str_c("QEMU emulator version 9.2.0"), v, NULL), 0);
    assert_string_equal(v, "9.2.0");
    assert_int_equal(dm_qemu_version_read(dm_str_c("bash 5"), v, &err), DM_E_INVALID);
    assert_int_equal(dm_qemu_version_read(dm_str_c("QEMU emulator version x"), v, &err), DM_E_INVALID);
}

static void clock_rate_is_steady(void **state)
{
    (void)state;
    int64_t a, b;
    assert_int_equal(dm_qemu_tsc_khz(50, &a, NULL), 0);
    assert_int_equal(dm_qemu_tsc_khz(50, &b, NULL), 0);
    assert_true((a > b ? a - b : b - a) <= a / 10000);
}

static void accelerator_is_what_was_asked(void **state)
{
    (void)state;
    const char *accel = NULL;
    dm_err err;
    dm_vmm_env e = {.accel = "tcg"};
    assert_int_equal(dm_qemu_accel(&e, &accel, NULL), 0);
    assert_string_equal(accel, "tcg");
    e.accel = "fast";
    assert_int_equal(dm_qemu_accel(&e, &accel, &err), DM_E_INVALID);
    /* This machine's own answer, whatever it is: by name it is what auto would choose, or refused with the reason. */
    const char *why = dm_qemu_why_no_kvm("");
    e.accel = "auto";
    assert_int_equal(dm_qemu_accel(&e, &accel, NULL), 0);
    assert_string_equal(accel, why != NULL ? "tcg" : "kvm");
    e.accel = "kvm";
    assert_int_equal(dm_qemu_accel(&e, &accel, &err), why != NULL ? DM_E_UNAVAILABLE : 0);
    if (why != NULL)
        assert_says(err, why);
}

static void make_file(const rig *g, const char *name, const char *text)
{
    char path[128];
    assert_int_equal(dm_file_write(rig_path(g, name, path), dm_str_c(text), 0600, NULL), 0);
}

/* On a machine made of files. KVM that comes from kvm_pvm hangs guests like ours: never chosen, whatever else is right.
 */
static void kvm_must_be_real(void **state)
{
    const rig *g = *state;
    char path[128];
    static const char *const folders[] = {"dev", "proc", "sys/module"};
    for (size_t i = 0; i < DM_LEN(folders); i++)
        assert_int_equal(dm_mkdir_p(rig_path(g, folders[i], path), 0700, NULL), 0);
    assert_string_equal(dm_qemu_why_no_kvm(g->dir), "/dev/kvm cannot be used");
    make_file(g, "dev/kvm", "");
    make_file(g, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu svm_lock avmx\n\nflags\t\t: svm\n");
    assert_string_equal(dm_qemu_why_no_kvm(g->dir), "the processor offers no virtualisation");
    make_file(g, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu vmx\n\n");
    assert_null(dm_qemu_why_no_kvm(g->dir));
    make_file(g, "proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu svm npt\n\n");
    assert_null(dm_qemu_why_no_kvm(g->dir));
    assert_int_equal(dm_mkdir_p(rig_path(g, "sys/module/kvm_pvm", path), 0700, NULL), 0);
    assert_string_equal(dm_qemu_why_no_kvm(g->dir), "/dev/kvm comes from kvm_pvm, whose guests hang");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(clone_cannot_run_or_write_by_itself),
            cmocka_unit_test(boot_shares_its_memory),
            cmocka_unit_test(kvm_comes_by_descriptor),
            cmocka_unit_test_setup_teardown(cmdline_tells_the_clock, rig_open, rig_close),
            cmocka_unit_test(version_is_read_as_the_monitor_says_it),
            cmocka_unit_test(clock_rate_is_steady),
            cmocka_unit_test(accelerator_is_what_was_asked),
            cmocka_unit_test_setup_teardown(kvm_must_be_real, rig_open, rig_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
