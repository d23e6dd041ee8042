#include "workers/vmm/qemu/args.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"

#include "workers/vmm/qemu/host.h"

/* Sets of descriptors: 1 and 2 are the drives', 9 is the device state's while it is written or read. */
enum { GUEST_HZ = 250, CMDLINE_MAX = 2048, KVM_SET = 3 };

static void add(dm_qemu_args *a, const char *word)
{
    if (a->n == DM_QEMU_ARGS) {
        a->failed = true;
        return;
    }
    a->argv[a->n++] = word;
    a->argv[a->n] = NULL;
}

static void pair(dm_qemu_args *a, const char *option, const char *value)
{
    add(a, option);
    add(a, value);
}

static void DM_PRINTF(3, 4) pair_fmt(dm_qemu_args *a, const char *option, const char *fmt, ...)
{
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = a->n_owned < DM_QEMU_ARGS ? vasprintf(&text, fmt, ap) : -1;
    va_end(ap);
    if (n < 0) {
        a->failed = true;
        return;
    }
    a->owned[a->n_owned++] = text;
    pair(a, option, text);
}

/* The device is the host's root's and a group's; the user we run as is neither. */
static void add_kvm(dm_qemu_args *a)
{
    pair_fmt(a, "-add-fd", "fd=%d,set=%d", DM_QEMU_FD_KVM, KVM_SET);
    pair_fmt(a, "-accel", "kvm,device=/dev/fdset/%d", KVM_SET);
}

static void add_machine(dm_qemu_args *a, const dm_vm_config *c, const char *accel, bool boot)
{
    bool tcg = strcmp(accel, "tcg") == 0;
    pair(a, "-M", DM_QEMU_MACHINE);
    /* 32 MiB of translated code: less thrashes, more is paid for by every guest. */
    if (tcg)
        pair(a, "-accel", "tcg,tb-size=32");
    else
        add_kvm(a);
    pair(a, "-cpu", tcg ? "max" : "host");
    pair_fmt(a, "-m", "%" PRIu32, c->mem_mib);
    pair_fmt(a, "-smp", "%" PRIu32, c->vcpus);
    /* readonly: QEMU itself must not be able to alter a template, not even by discarding a page of a private mapping.
     */
    pair_fmt(a, "-object", "memory-backend-file,id=ram,size=%" PRIu32 "M,mem-path=/ram,%s", c->mem_mib,
            boot ? "share=on" : "share=off,readonly=on,rom=off");
    add(a, "-nodefaults");
    add(a, "-no-user-config");
    pair(a, "-display", "none");
    pair(a, "-serial", "null");
    pair(a, "-bios", DM_QEMU_FIRMWARE);
    pair(a, "-global", "migration.send-configuration=off");
    /* -S: a clone would run by itself the moment it is loaded. -no-reboot: one cannot, it has no kernel. */
    add(a, "-S");
    add(a, "-no-reboot");
}

static void add_drive(dm_qemu_args *a, int no, int fd, bool writable)
{
    pair_fmt(a, "-add-fd", "fd=%d,set=%d", fd, no + 1);
    pair_fmt(a, "-blockdev", "driver=file,node-name=p%d,filename=/dev/fdset/%d,%s", no, no + 1,
            writable ? "locking=on,aio=threads,discard=unmap" : "read-only=on,locking=off");
    pair_fmt(a, "-blockdev", "driver=raw,node-name=f%d,file=p%d,%s", no, no,
            writable ? "discard=unmap" : "read-only=on");
    /* report: on a full host disk the guest gets an error; by default the whole VM would stand still, silently. */
    pair_fmt(a, "-device", "virtio-blk-device,drive=f%d,serial=d%d,werror=report,rerror=report", no, no);
}

static void add_devices(dm_qemu_args *a, const dm_vm_config *c)
{
    add_drive(a, 0, DM_QEMU_FD_ROOT, false);
    add_drive(a, 1, DM_QEMU_FD_DISK, true);
    if (c->tap_fd >= 0) {
        pair_fmt(a, "-netdev", "tap,id=n0,fd=%d", DM_QEMU_FD_TAP);
        pair(a, "-device", "virtio-net-device,netdev=n0,mac=02:00:00:00:00:02");
    }
    pair(a, "-device", "virtio-serial-device,id=vs0");
    pair_fmt(a, "-chardev", "socket,id=agent,fd=%d,server=on,wait=off", DM_QEMU_FD_AGENT);
    pair(a, "-device", "virtserialport,chardev=agent,name=dormouse.agent");
    pair_fmt(a, "-chardev", "socket,id=qmp,fd=%d,server=on,wait=off", DM_QEMU_FD_QMP);
    pair(a, "-mon", "chardev=qmp,mode=control");
}

static void add_boot(dm_qemu_args *a, const char *cmdline)
{
    pair(a, "-kernel", "/kernel");
    pair(a, "-initrd", "/initrd");
    pair(a, "-append", cmdline);
}

int dm_qemu_args_init(dm_qemu_args *a, const dm_vmm_env *env, const dm_vm_config *config, const char *accel,
        const char *boot, dm_err *err)
{
    *a = (dm_qemu_args){.n = 0};
    add(a, env->binary);
    add_machine(a, config, accel, boot != NULL);
    add_devices(a, config);
    if (boot != NULL)
        add_boot(a, boot);
    else
        pair(a, "-incoming", "defer");
    pair(a, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    if (!a->failed)
        return 0;
    dm_qemu_args_done(a);
    return dm_fail(err, DM_E_NOMEM, "no memory for a command line");
}

void dm_qemu_args_done(dm_qemu_args *a)
{
    assert(a->n_owned <= a->n && a->n <= DM_QEMU_ARGS);
    for (size_t i = 0; i < a->n_owned; i++)
        free(a->owned[i]);
    *a = (dm_qemu_args){.n = 0};
}

static int add_file(const char *dir, const char *name, dm_buf *out, dm_err *err)
{
    char path[4096];
    DM_AUTO_BUF b;
    dm_buf_init(&b, CMDLINE_MAX);
    int r = dm_path(path, sizeof(path), err, "%s/%s", dir, name);
    if (r == 0)
        r = dm_file_read(path, &b, err);
    if (r < 0)
        return r;
    dm_str line = dm_buf_view(&b);
    while (line.n > 0 && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == ' '))
        line.n--;
    if (memchr(line.p, '\n', line.n) != NULL)
        return dm_fail(err, DM_E_INVALID, "%s has more than one line", path);
    if (out->len > 0)
        (void)dm_buf_ch(out, ' ');
    (void)dm_buf_str(out, line);
    return dm_buf_ok(out, err);
}

int dm_qemu_cmdline(const char *image_dir, const char *accel, int64_t khz, dm_buf *out, dm_err *err)
{
    int r = add_file(image_dir, "cmdline", out, err);
    if (r == 0 && strcmp(accel, "tcg") == 0)
        r = add_file(image_dir, "cmdline.tcg", out, err);
    if (r < 0)
        return r;
    /* Secondary processors measure their delay loop even so, and fail at it: they are told as well. */
    if (khz > 0)
        (void)dm_buf_fmt(out, " tsc_early_khz=%" PRId64 " lpj=%" PRId64, khz, khz * 1000 / GUEST_HZ);
    return dm_buf_ok(out, err);
}
