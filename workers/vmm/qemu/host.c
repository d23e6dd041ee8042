#include "workers/vmm/qemu/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#include "base/crypto.h"
#include "base/file.h"
#include "base/parse.h"

#include "workers/vmm/proc.h"
#include "workers/vmm/qemu/args.h"

enum { CPUINFO_MAX = 4 * 1024 * 1024, FIRMWARE_MAX = 1024 * 1024, VERSION_MS = 5000, TRIES = 32, PATH_ROOM = 4096 };

/* The value of a line "name : value" of the first processor. */
static bool cpuinfo_value(dm_str cpuinfo, const char *name, dm_str *out)
{
    dm_str line, key;
    while (dm_str_split(&cpuinfo, '\n', &line)) {
        if (line.n == 0)
            return false; /* the next processor */
        if (dm_str_split(&line, ':', &key) && dm_str_eq_c(dm_str_trim(key), name)) {
            *out = dm_str_trim(line);
            return true;
        }
    }
    return false;
}

static bool has_virtualisation(const char *cpuinfo)
{
    DM_AUTO_BUF b;
    dm_str flags, word;
    dm_buf_init(&b, CPUINFO_MAX);
    if (dm_file_read(cpuinfo, &b, NULL) < 0 || !cpuinfo_value(dm_buf_view(&b), "flags", &flags))
        return false;
    while (dm_str_split(&flags, ' ', &word))
        if (dm_str_eq_c(word, "vmx") || dm_str_eq_c(word, "svm"))
            return true;
    return false;
}

const char *dm_qemu_why_no_kvm(const char *root)
{
    char device[PATH_ROOM], pvm[PATH_ROOM], cpuinfo[PATH_ROOM];
    if (dm_path(device, sizeof(device), NULL, "%s/dev/kvm", root) < 0 ||
            dm_path(pvm, sizeof(pvm), NULL, "%s/sys/module/kvm_pvm", root) < 0 ||
            dm_path(cpuinfo, sizeof(cpuinfo), NULL, "%s/proc/cpuinfo", root) < 0)
        return "its folder's name is too long";
    if (access(device, R_OK | W_OK) < 0)
        return "/dev/kvm cannot be used";
    if (access(pvm, F_OK) == 0)
        return "/dev/kvm comes from kvm_pvm, whose guests hang";
    return has_virtualisation(cpuinfo) ? NULL : "the processor offers no virtualisation";
}

int dm_qemu_accel(const dm_vmm_env *env, const char **out, dm_err *err)
{
    bool only = strcmp(env->accel, "kvm") == 0;
    if (!only && strcmp(env->accel, "auto") != 0) {
        if (strcmp(env->accel, "tcg") != 0)
            return dm_fail(err, DM_E_INVALID, "no such accelerator: %.32s", env->accel);
        *out = "tcg";
        return 0;
    }
    const char *why = dm_qemu_why_no_kvm("");
    if (why != NULL && only)
        return dm_fail(err, DM_E_UNAVAILABLE, "no KVM: %s", why);
    *out = why != NULL ? "tcg" : "kvm";
    return 0;
}

int dm_qemu_version_read(dm_str line, char out[64], dm_err *err)
{
    static const char head[] = "QEMU emulator version ";
    dm_str number, package;
    if (!dm_str_starts(line, dm_str_c(head)))
        return dm_fail(err, DM_E_INVALID, "not QEMU");
    line.p += sizeof(head) - 1;
    line.n -= sizeof(head) - 1;
    if (!dm_str_split(&line, ' ', &number) || number.n == 0 || !dm_str_only(number, "0123456789."))
        return dm_fail(err, DM_E_INVALID, "QEMU without a version");
    package = line;
    if (package.n >= 2 && package.p[0] == '(' && package.p[package.n - 1] == ')')
        package = (dm_str){package.p + 1, package.n - 2};
    int n = snprintf(out, 64, "%.*s%s%.*s", (int)number.n, number.p, package.n > 0 ? " " : "",
            (int)(package.n < 40 ? package.n : 40), package.p);
    return n > 0 && n < 64 ? 0 : dm_fail(err, DM_E_INVALID, "QEMU with an endless version");
}

/* Up to the end of the stream, or of the buffer, or of the time. */
static void read_all(int fd, char *buf, size_t room, size_t *got)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    *got = 0;
    while (*got < room && poll(&p, 1, VERSION_MS) > 0) {
        ssize_t n = read(fd, buf + *got, room - *got);
        if (n <= 0)
            return;
        *got += (size_t)n;
    }
}

int dm_qemu_version(const char *binary, char out[64], dm_err *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return dm_fail_sys(err, errno, "make a pipe");
    DM_AUTO_FD from = ends[0];
    DM_AUTO_FD to = ends[1];
    const char *argv[] = {binary, "--version", NULL};
    dm_proc_fd pass = {.from = to, .to = 1};
    dm_proc p;
    int r = dm_proc_spawn(argv, &pass, 1, 0, 0, &p, err);
    if (r < 0)
        return r;
    dm_fd_closep(&to);
    char buf[512];
    size_t n;
    read_all(from, buf, sizeof(buf), &n);
    if (!dm_proc_kill(&p))
        (void)close(p.pidfd);
    dm_str text = {buf, n}, line;
    if (!dm_str_split(&text, '\n', &line))
        return dm_fail(err, DM_E_UNAVAILABLE, "%s does not say its version", binary);
    r = dm_qemu_version_read(line, out, err);
    return r < 0 ? dm_wrap(err, "%s", binary) : 0;
}

static int64_t raw_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Both clocks at one moment: of some tries the one in which the least time passed between them. */
static void both(uint64_t *tsc, int64_t *ns)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < TRIES; i++) {
        uint64_t before = __rdtsc();
        int64_t t = raw_ns();
        uint64_t after = __rdtsc();
        if (after - before < best) {
            best = after - before;
            *tsc = before + best / 2;
            *ns = t;
        }
    }
}

int dm_qemu_tsc_khz(unsigned ms, int64_t *out, dm_err *err)
{
    uint64_t tsc0 = 0, tsc1 = 0;
    int64_t ns0 = 0, ns1 = 0;
    both(&tsc0, &ns0);
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
    both(&tsc1, &ns1);
    if (ns1 <= ns0 || tsc1 <= tsc0)
        return dm_fail(err, DM_E_UNAVAILABLE, "the time stamp counter stands still");
    int64_t khz = (int64_t)((tsc1 - tsc0) * 1000000 / (uint64_t)(ns1 - ns0));
    if (khz < 100000 || khz > 20000000)
        return dm_fail(err, DM_E_UNAVAILABLE, "the time stamp counter runs at an odd rate");
    *out = khz;
    return 0;
}

static int digest_of(const char *path, size_t max, char *out, size_t room, dm_err *err)
{
    DM_AUTO_BUF b;
    dm_digest d;
    dm_buf_init(&b, max);
    int r = dm_file_read(path, &b, err);
    if (r == 0)
        r = dm_sha256(dm_buf_view(&b), &d, err);
    if (r < 0)
        return r;
    char hex[2 * DM_SHA256 + 1];
    dm_hex(d.b, sizeof(d.b), hex);
    return dm_path(out, room, err, "%s", hex);
}

/* Under KVM the guest sees the host's processor, so a snapshot is at home on that model only. */
static int cpu_of(const char *accel, char *out, size_t room, dm_err *err)
{
    if (strcmp(accel, "kvm") != 0)
        return dm_path(out, room, err, "max");
    DM_AUTO_BUF b;
    dm_str model = DM_STR("unknown");
    dm_buf_init(&b, CPUINFO_MAX);
    int r = dm_file_read("/proc/cpuinfo", &b, err);
    if (r < 0)
        return r;
    (void)cpuinfo_value(dm_buf_view(&b), "model name", &model);
    return dm_path(out, room, err, "host %.*s", (int)(model.n < 64 ? model.n : 64), model.p);
}

int dm_qemu_here(const dm_vm_config *config, const char *accel, const char *version, dm_qemu_room *room,
        dm_manifest *out, dm_err *err)
{
    char image[4096];
    int r = dm_path(image, sizeof(image), err, "%s/manifest.json", config->image_dir);
    if (r == 0)
        r = digest_of(image, FIRMWARE_MAX, room->image, sizeof(room->image), err);
    if (r == 0)
        r = digest_of(DM_QEMU_FIRMWARE, FIRMWARE_MAX, room->firmware, sizeof(room->firmware), err);
    if (r == 0)
        r = cpu_of(accel, room->cpu, sizeof(room->cpu), err);
    if (r == 0)
        r = dm_path(room->vmm, sizeof(room->vmm), err, "qemu %s", version);
    if (r == 0)
        r = dm_path(room->accel, sizeof(room->accel), err, "%s", accel);
    if (r == 0)
        r = dm_path(room->machine, sizeof(room->machine), err, "%s", DM_QEMU_MACHINE);
    if (r == 0)
        r = dm_path(room->devices, sizeof(room->devices), err, "%s%s%s", DM_QEMU_DRIVES,
                config->tap_fd >= 0 ? DM_QEMU_NET : "", DM_QEMU_SERIAL);
    if (r < 0)
        return r;
    *out = (dm_manifest){.format = DM_MANIFEST_FORMAT,
            .vmm = room->vmm,
            .machine = room->machine,
            .devices = room->devices,
            .accel = room->accel,
            .cpu = room->cpu,
            .firmware = room->firmware,
            .image = room->image,
            .vcpus = config->vcpus,
            .mem_mib = config->mem_mib};
    return 0;
}
