/* The order matters in three places. Modules come before drives and port, which need them. The drives are looked for by
 * serial number, since their letters follow the order of probing. And the new root is moved over the old one before the
 * chroot: a mere chroot would leave the kernel believing that every process in the sandbox is jailed, and would forbid
 * it user namespaces (bubblewrap, a browser's own sandbox). */
#include "workers/guest/self/boot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#if defined(__x86_64__)
#include <sys/io.h>
#endif
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/wire/guest.h"

enum {
    WAIT_MS = 5000, /* for a device to appear */
    POLL_MS = 5,
    LIST_MAX = 64 * 1024,
    PATH_SIZE = 300,
    COMPRESSED_MODULE = 4, /* MODULE_INIT_COMPRESSED_FILE */
};

#define LOWER "/lower"
#define UPPER "/upper"
#define NEW_ROOT "/newroot"

void dm_boot_say(const char *words, const char *more)
{
    char line[512];
    int n = snprintf(line, sizeof(line), "%s%s\n", words, more);
    if (n > 0)
        (void)!write(2, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void dm_boot_power_off(void)
{
    sync();
    /* Without ACPI the kernel can only stop the processor, and the VMM would wait for ever; a reset it takes for the
     * end, because it runs with -no-reboot. */
    if (access("/sys/firmware/acpi/tables", F_OK) == 0)
        (void)reboot(RB_POWER_OFF);
    (void)reboot(RB_AUTOBOOT);
    for (;;)
        (void)pause();
}

/* --- mounts ------------------------------------------------------------------------------------------------- */

typedef struct mount_row {
    const char *type, *at, *options;
    unsigned long flags;
    bool may_fail;
} mount_row;

static int mount_row_do(const mount_row *m, dm_err *err)
{
    (void)mkdir(m->at, 0755);
    if (mount(m->type, m->at, m->type, m->flags, m->options) == 0 || errno == EBUSY || m->may_fail)
        return 0;
    return dm_fail_sys(err, errno, "mount %s at %s", m->type, m->at);
}

static int mount_kernel(dm_err *err)
{
    static const mount_row rows[] = {
            {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false},
            {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, false},
            {"devtmpfs", "/dev", "mode=0755", MS_NOSUID, false},
            {"devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC, false},
            {"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, false},
            {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, false},
            {"cgroup2", "/sys/fs/cgroup", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, true},
    };
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        int r = mount_row_do(&rows[i], err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* An initramfs may come without /dev/console; then the kernel has given us no descriptors at all. */
static void open_console(void)
{
    int fd = open("/dev/console", O_RDWR | O_NOCTTY);
    if (fd < 0)
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd < 3)
        fd = dup(fd);
    if (fd >= 3)
        (void)close(fd);
}

/* --- modules ------------------------------------------------------------------------------------------------ */

static bool ends_in(dm_str s, const char *end)
{
    size_t n = strlen(end);
    return s.n > n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* "path parameters" */
static int load_module(dm_str line, dm_err *err)
{
    char path[PATH_SIZE], params[PATH_SIZE];
    dm_str name = {"", 0};
    if (!dm_str_split(&line, ' ', &name))
        return 0;
    int r = dm_str_to_array(name, path, sizeof(path), err);
    r = r < 0 ? r : dm_str_to_array(dm_str_trim(line), params, sizeof(params), err);
    if (r < 0)
        return dm_wrap(err, "list of modules");
    DM_AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dm_fail_sys(err, errno, "module %s", path);
    int flags = ends_in(name, ".ko") ? 0 : COMPRESSED_MODULE;
    if (syscall(SYS_finit_module, fd, params, flags) != 0 && errno != EEXIST)
        return dm_fail_sys(err, errno, "load module %s", path);
    return 0;
}

static int load_modules(dm_err *err)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, LIST_MAX);
    int r = dm_file_read("/etc/dormouse/modules", &b, err);
    if (r == DM_E_NOTFOUND)
        return 0; /* everything is built in */
    dm_str text = dm_buf_view(&b), line;
    while (r == 0 && dm_str_split(&text, '\n', &line)) {
        line = dm_str_trim(line);
        if (line.n > 0 && line.p[0] != '#')
            r = load_module(line, err);
    }
    return r;
}

/* --- devices ------------------------------------------------------------------------------------------------ */

/* The entry of dir whose file `attribute` holds value. */
static bool find_by(
        const char *dir, const char *prefix, const char *attribute, const char *value, char *out, size_t size)
{
    DIR *d = opendir(dir);
    bool found = false;
    for (const struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;) {
        char path[PATH_SIZE];
        DM_AUTO_BUF b;
        dm_buf_init(&b, 4096);
        if (strncmp(e->d_name, prefix, strlen(prefix)) != 0 ||
                dm_path(path, sizeof(path), NULL, "%s/%s/%s", dir, e->d_name, attribute) != 0 ||
                dm_file_read(path, &b, NULL) != 0)
            continue;
        found = dm_str_eq_c(dm_str_trim(dm_buf_view(&b)), value) && dm_path(out, size, NULL, "/dev/%s", e->d_name) == 0;
    }
    if (d != NULL)
        (void)closedir(d);
    return found;
}

static int wait_for(const char *dir, const char *prefix, const char *attribute, const char *value, char *out,
        size_t size, dm_err *err)
{
    const struct timespec pause_for = {0, POLL_MS * 1000000};
    for (unsigned waited = 0; waited <= WAIT_MS; waited += POLL_MS) {
        if (find_by(dir, prefix, attribute, value, out, size) && access(out, F_OK) == 0)
            return 0;
        (void)nanosleep(&pause_for, NULL);
    }
    return dm_fail(err, DM_E_NOTFOUND, "no %s* under %s whose %s is %s came up in %d ms", prefix, dir, attribute, value,
            WAIT_MS);
}

static int open_port(dm_machine *out, dm_err *err)
{
    char dev[PATH_SIZE];
    int r = wait_for("/sys/class/virtio-ports", "vport", "name", DM_GUEST_SERIAL_NAME, dev, sizeof(dev), err);
    if (r < 0)
        return dm_wrap(err, "control port");
    out->port = open(dev, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return out->port < 0 ? dm_fail_sys(err, errno, "control port %s", dev) : 0;
}

/* --- the root ----------------------------------------------------------------------------------------------- */

static int mount_drive(const char *serial, const char *type, const char *at, unsigned long flags, dm_err *err)
{
    char dev[PATH_SIZE];
    int r = wait_for("/sys/block", "vd", "serial", serial, dev, sizeof(dev), err);
    if (r < 0)
        return dm_wrap(err, "drive %s", serial);
    (void)mkdir(at, 0755);
    if (mount(dev, at, type, flags, NULL) != 0)
        return dm_fail_sys(err, errno, "mount %s (drive %s, %s)", dev, serial, type);
    return 0;
}

static int mount_root(bool *fresh, dm_err *err)
{
    int r = mount_drive("d0", "erofs", LOWER, MS_RDONLY | MS_NODEV, err);
    r = r < 0 ? r : mount_drive("d1", "ext4", UPPER, MS_NOATIME | MS_NODEV, err);
    if (r < 0)
        return r;
    *fresh = mkdir(UPPER "/upper", 0755) == 0;
    if ((!*fresh && errno != EEXIST) || (mkdir(UPPER "/work", 0755) != 0 && errno != EEXIST))
        return dm_fail_sys(err, errno, "prepare the writable drive");
    (void)mkdir(NEW_ROOT, 0755);
    static const char options[] = "lowerdir=" LOWER ",upperdir=" UPPER "/upper,workdir=" UPPER "/work";
    char more[sizeof(options) + 32];
    (void)snprintf(more, sizeof(more), "%s,redirect_dir=on", options);
    /* With it a directory of the image can be renamed in one call, as everywhere else. */
    if (mount("overlay", NEW_ROOT, "overlay", MS_NOATIME, more) == 0)
        return 0;
    if (mount("overlay", NEW_ROOT, "overlay", MS_NOATIME, options) != 0)
        return dm_fail_sys(err, errno, "overlay the drives");
    return 0;
}

static int enter_root(dm_machine *out, dm_err *err)
{
    static const char *const moved[] = {"/proc", "/sys", "/dev", "/run"};
    for (size_t i = 0; i < DM_LEN(moved); i++) {
        char to[PATH_SIZE];
        (void)snprintf(to, sizeof(to), NEW_ROOT "%s", moved[i]);
        (void)mkdir(to, 0755);
        if (mount(moved[i], to, NULL, MS_MOVE, NULL) != 0)
            return dm_fail_sys(err, errno, "move %s into the new root", moved[i]);
    }
    out->old_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (chdir(NEW_ROOT) != 0 || mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0 || chdir("/") != 0)
        return dm_fail_sys(err, errno, "enter the new root");
    if (mkdir("/tmp", 01777) == 0)
        (void)chmod("/tmp", 01777);
    return 0;
}

/* --- what programs expect to find --------------------------------------------------------------------------- */

static void link_devices(void)
{
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"},
            {"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"}};
    for (size_t i = 0; i < DM_LEN(links); i++)
        (void)!symlink(links[i][0], links[i][1]);
    if (access("/dev/fuse", F_OK) != 0)
        (void)mknod("/dev/fuse", S_IFCHR | 0666, makedev(10, 229));
    (void)chmod("/dev/fuse", 0666);
}

/* Written over what is there, which on the overlay is much cheaper than a new file under the name of one of the
 * image's, and never cut to nothing first: ext4 would take that for a replacement and write to the disk at once. A link
 * is replaced: in an image resolv.conf often leads to a service that does not run here. */
static int put(const char *path, const char *text, mode_t mode, dm_err *err)
{
    int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    DM_AUTO_FD fd = open(path, flags, mode);
    if (fd < 0 && errno == ELOOP && unlink(path) == 0)
        fd = open(path, flags, mode);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0)
        return dm_fail_sys(err, errno, "write %s", path);
    size_t n = strlen(text);
    int r = dm_write_all(fd, text, n, err);
    if (r == 0 && st.st_size > (off_t)n && ftruncate(fd, (off_t)n) != 0)
        r = dm_fail_sys(err, errno, "write %s", path);
    return r;
}

static void tune(void)
{
    static const char *const rows[][2] = {
            /* one instance a watched directory, and trees of them */
            {"/proc/sys/fs/inotify/max_user_instances", "1024"},
            {"/proc/sys/fs/inotify/max_user_watches", "524288"},
            {"/proc/sys/fs/inotify/max_queued_events", "65536"},
            {"/proc/sys/net/ipv4/ping_group_range", "0 2147483647"},
            /* the last process to be killed for memory; children start at 100 */
            {"/proc/self/oom_score_adj", "-1000"},
    };
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        DM_AUTO_FD fd = open(rows[i][0], O_WRONLY | O_CLOEXEC);
        if (fd >= 0)
            (void)!write(fd, rows[i][1], strlen(rows[i][1]));
    }
}

/* Programs look their own host name up (sudo does, before anything else), so it must be in the file; all other lines
 * are the image's. */
static int name_in_hosts(const char *name, dm_err *err)
{
    static const char own[] = "127.0.1.1";
    DM_AUTO_BUF old, fresh;
    dm_buf_init(&old, LIST_MAX);
    dm_buf_init(&fresh, LIST_MAX + 256);
    if (dm_file_read("/etc/hosts", &old, NULL) != 0 || old.len == 0) {
        dm_buf_reset(&old);
        (void)dm_buf_c(&old, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
    }
    dm_str text = dm_buf_view(&old), line;
    while (dm_str_split(&text, '\n', &line)) {
        if (dm_str_starts(line, dm_str_c(own)) || (line.n == 0 && text.n == 0))
            continue;
        (void)dm_buf_str(&fresh, line);
        (void)dm_buf_ch(&fresh, '\n');
    }
    (void)dm_buf_fmt(&fresh, "%s %s\n", own, name);
    int r = dm_buf_ok(&fresh, err);
    return r < 0 ? r : put("/etc/hosts", fresh.p, 0644, err);
}

int dm_boot_hostname(const char *name, dm_err *err)
{
    char line[128];
    if (sethostname(name, strlen(name)) != 0)
        return dm_fail_sys(err, errno, "set the host name");
    (void)snprintf(line, sizeof(line), "%s\n", name);
    int r = put("/etc/hostname", line, 0644, err);
    return r < 0 ? r : name_in_hosts(name, err);
}

static void number(char hex[33])
{
    uint8_t random[16];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        memset(random, 0, sizeof(random));
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40); /* as a UUID of version 4 */
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    dm_hex(random, sizeof(random), hex);
}

void dm_boot_numbers(void)
{
    static const char shown[] = "/proc/sys/kernel/random/boot_id", file[] = "/run/boot_id",
                      machine[] = "/etc/machine-id";
    char hex[33], line[64];
    struct stat st;
    dm_err err = {0};
    number(hex);
    (void)snprintf(line, sizeof(line), "%s\n", hex);
    if (lstat(machine, &st) == 0 && S_ISREG(st.st_mode))
        (void)put(machine, line, 0444, &err);
    number(hex);
    (void)snprintf(line, sizeof(line), "%.8s-%.4s-%.4s-%.4s-%.12s\n", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    (void)umount2(shown, MNT_DETACH); /* of the one that this was made of */
    (void)unlink(file);
    if (put(file, line, 0444, &err) == 0)
        (void)mount(file, shown, NULL, MS_BIND, NULL);
}

static int furnish(bool fresh, dm_err *err)
{
    link_devices();
    tune();
    (void)mkdir("/etc", 0755);
    (void)mkdir("/run/e2b", 0755);
    (void)mkdir("/run/lock", 01777);
    (void)chmod("/run/lock", 01777);
    int r = put("/run/e2b/.E2B_SANDBOX", "true", 0444, err);
    if (r == 0 && fresh) { /* on a disk that was used before these may be the sandbox's own by now */
        r = put("/etc/resolv.conf", "nameserver 8.8.8.8\n", 0644, err);
        r = r < 0 ? r : dm_boot_hostname("dormouse", err);
    }
    return r;
}

/* The kernel measured its processor by the old interval timer (i8254) and left it ticking 18 times a second, for which
 * the VMM wakes twice each: half of what an idle machine costs its host. In mode 0 it counts out once, and is still. */
static void still_interval_timer(void)
{
#if defined(__x86_64__)
    enum { COUNTER = 0x40, CONTROL = 0x43, MODE_0 = 0x30 };
    if (ioperm(COUNTER, CONTROL - COUNTER + 1, 1) != 0)
        return; /* a kernel that lets nobody do it */
    outb(MODE_0, CONTROL);
    outb(0, COUNTER);
    outb(0, COUNTER);
    (void)ioperm(COUNTER, CONTROL - COUNTER + 1, 0);
#endif
}

int dm_boot(dm_machine *out, dm_err *err)
{
    bool fresh = false;
    (void)umask(022);
    int r = mount_kernel(err);
    open_console();
    (void)reboot(RB_DISABLE_CAD);
    still_interval_timer();
    r = r < 0 ? r : load_modules(err);
    r = r < 0 ? r : open_port(out, err);
    r = r < 0 ? r : mount_root(&fresh, err);
    r = r < 0 ? r : enter_root(out, err);
    r = r < 0 ? r : furnish(fresh, err);
    return r < 0 ? r : dm_boot_network(err);
}
