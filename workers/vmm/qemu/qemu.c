/* The driver for QEMU's microvm machine.
 *
 * A VM is one QEMU process in a jail. Everything it needs it gets as an open descriptor: the two listening sockets, the
 * drives, the tap; what QEMU opens by path alone, the memory above all, its jail shows it. It is spoken to by QMP; the
 * sockets lie in run_dir, so that a worker that comes after us finds them, together with vmm.json, which says which
 * process it is.
 *
 * The process's end is seen by pidfd, and what the guest did to cause it by QMP events; both arrive on their own, so
 * the end is told when both channels are done. */
#include "workers/vmm/qemu/qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"

#include "workers/vmm/jail/group.h"
#include "workers/vmm/jail/jail.h"
#include "workers/vmm/qemu/args.h"
#include "workers/vmm/qemu/host.h"
#include "workers/vmm/qemu/sock.h"
#include "workers/vmm/qemu/vm.h"

enum {
    START_MS = 15000,
    ADOPT_MS = 5000,
    LOAD_MS = 30000,
    RUN_MS = 10000,
    STOP_MS = 30000, /* flushes the disk */
    SAVE_MS = 120000,
    POLL_US = 500,
    PATH_ROOM = 4096,
    OTHER_FILES = 1024 * 1024, /* the most QEMU writes to any file but the disk */
    CHECK_TSC_MS = 50,
    CHECK_TSC_PART = 1000, /* a tenth of a percent */
};

#define FDSET "9"
#define FDSET_PATH "/dev/fdset/" FDSET
static const dm_str no_arguments = {.n = 0};

/* --- spawn -------------------------------------------------------------------------------------------------- */

enum { VIEWS = 3 };

/* What is opened for a process: given to it by number, shown in its jail by name, or joined. All of it is closed here
 * when it has been started. */
struct start {
    dm_proc_fd fds[DM_PROC_FDS];
    size_t n;
    dm_jail_view views[VIEWS];
    size_t n_views;
    int groups[DM_GROUP_FDS];
    size_t n_groups;
    uint64_t file_max;
};

static void start_done(struct start *s)
{
    for (size_t i = 0; i < s->n; i++)
        (void)close(s->fds[i].from);
    for (size_t i = 0; i < s->n_views; i++)
        (void)close(s->views[i].fd);
    for (size_t i = 0; i < s->n_groups; i++)
        (void)close(s->groups[i]);
}

static int start_give(struct start *s, int fd, int to)
{
    s->fds[s->n++] = (dm_proc_fd){.from = fd, .to = to};
    return fd;
}

static int start_open(struct start *s, const char *dir, const char *name, int flags, int to, dm_err *err)
{
    int fd = dm_open_beneath(dir, name, flags, 0600, err);
    return fd < 0 ? fd : start_give(s, fd, to);
}

static int start_show(struct start *s, const char *dir, const char *name, int flags, const char *as, dm_err *err)
{
    int fd = dm_open_beneath(dir, name, flags, 0600, err);
    if (fd >= 0)
        s->views[s->n_views++] = (dm_jail_view){.fd = fd, .name = as, .writable = (flags & O_ACCMODE) != O_RDONLY};
    return fd;
}

/* A booting guest's memory is a file of its own in run_dir; a clone's the template's. QEMU opens it by its path in the
 * jail, as the user it runs as: the former is given to him, the latter anybody may read who can reach it. */
static int start_ram(struct start *s, const dm_vm *vm, dm_err *err)
{
    const dm_vm_config *c = &vm->config;
    if (c->base_dir != NULL)
        return start_show(s, c->base_dir, "ram", O_RDONLY, "ram", err);
    int fd = start_show(s, c->run_dir, "ram", O_RDWR | O_CREAT, "ram", err);
    if (fd < 0)
        return fd;
    if (ftruncate(fd, (off_t)c->mem_mib * 1024 * 1024) < 0 || fchown(fd, c->uid, c->uid) < 0)
        return dm_fail_sys(err, errno, "make the guest's memory");
    return 0;
}

static int start_files(struct start *s, const dm_vm *vm, dm_err *err)
{
    const dm_vm_config *c = &vm->config;
    struct stat st;
    int r = start_open(s, c->image_dir, "root.erofs", O_RDONLY, DM_QEMU_FD_ROOT, err);
    if (r < 0)
        return r;
    int disk = dm_open_plain(c->disk, O_RDWR, 0, err);
    if (disk < 0)
        return disk;
    (void)start_give(s, disk, DM_QEMU_FD_DISK);
    if (fstat(disk, &st) < 0)
        return dm_fail_sys(err, errno, "stat %s", c->disk);
    s->file_max = (uint64_t)st.st_size > OTHER_FILES ? (uint64_t)st.st_size : OTHER_FILES;
    r = start_ram(s, vm, err);
    if (r >= 0 && strcmp(vm->accel, "kvm") == 0)
        r = start_open(s, "/dev", "kvm", O_RDWR, DM_QEMU_FD_KVM, err);
    if (r < 0 || c->base_dir != NULL)
        return r;
    r = start_show(s, c->image_dir, "vmlinux", O_RDONLY, "kernel", err);
    if (r >= 0)
        r = start_show(s, c->image_dir, "initrd.cpio", O_RDONLY, "initrd", err);
    return r;
}

static int start_sockets(struct start *s, const dm_vm *vm, dm_err *err)
{
    int fd;
    int r = dm_qemu_listen(vm->config.run_dir, DM_QEMU_QMP_SOCK, &fd, err);
    if (r < 0)
        return r;
    (void)start_give(s, fd, DM_QEMU_FD_QMP);
    r = dm_qemu_listen(vm->config.run_dir, DM_QEMU_AGENT_SOCK, &fd, err);
    if (r < 0)
        return r;
    (void)start_give(s, fd, DM_QEMU_FD_AGENT);
    return 0;
}

static int start_process(struct start *s, dm_vm *vm, dm_err *err)
{
    char path[PATH_ROOM];
    bool boot = vm->config.base_dir == NULL;
    DM_AUTO_BUF cmdline;
    dm_buf_init(&cmdline, 4096);
    int r = boot ? dm_qemu_cmdline(vm->config.image_dir, vm->accel, vm->tsc_khz, &cmdline, err) : 0;
    DM_AUTO_QEMU_ARGS args = {.n = 0};
    if (r == 0)
        r = dm_qemu_args_init(&args, vm->env, &vm->config, vm->accel, boot ? cmdline.p : NULL, err);
    if (r == 0)
        r = dm_path(path, sizeof(path), err, "%s/vmm.json", vm->config.run_dir);
    if (r < 0)
        return r;
    /* What the process gets and does not own. */
    dm_proc_fd fds[DM_PROC_FDS];
    size_t n = s->n;
    memcpy(fds, s->fds, n * sizeof(fds[0]));
    fds[n++] = (dm_proc_fd){dm_sink_fd(vm->sink), 1};
    fds[n++] = (dm_proc_fd){dm_sink_fd(vm->sink), DM_QEMU_FD_LOG};
    if (vm->config.tap_fd >= 0)
        fds[n++] = (dm_proc_fd){vm->config.tap_fd, DM_QEMU_FD_TAP};
    const dm_jail_cell cell = {.uid = vm->config.uid,
            .views = s->views,
            .n_views = s->n_views,
            .groups = s->groups,
            .n_groups = s->n_groups};
    r = dm_jail_spawn(vm->env->jail, &cell, args.argv, fds, n, s->file_max, &vm->proc, err);
    return r < 0 ? r : dm_proc_remember(&vm->proc, path, err);
}

static void on_spawned(dm_vm *vm, const json_t *value)
{
    (void)value;
    vm->state = DM_QEMU_SPAWNED;
    (void)dm_qemu_op_end(vm, 0, NULL);
}

static int vm_start(dm_vm *vm, dm_err *err)
{
    struct start s = {.n = 0};
    int r = dm_sink_new(vm->env->loop, vm->config.run_dir, &vm->sink, err);
    if (r == 0)
        r = start_sockets(&s, vm, err);
    if (r == 0)
        r = start_files(&s, vm, err);
    if (r >= 0 && vm->config.groups != NULL)
        r = dm_group_join(vm->config.groups, vm->config.group, s.groups, &s.n_groups, err);
    if (r >= 0)
        r = start_process(&s, vm, err);
    start_done(&s);
    return r < 0 ? r : dm_qemu_vm_attach(vm, on_spawned, err);
}

static int boot_job(dm_qemu_work *w, dm_err *err)
{
    return dm_qemu_snap_boot(&w->snap, err);
}

static void boot_go_on(dm_vm *vm, dm_qemu_work *w)
{
    dm_err err;
    vm->tsc_khz = w->snap.tsc_khz;
    int r = vm_start(vm, &err);
    if (r < 0)
        (void)dm_qemu_op_end(vm, r, &err);
}

static int spawn(const dm_vmm_env *env, const dm_vm_config *config, dm_vm_done_fn done, dm_vm_event_fn on_event,
        void *arg, dm_vm **out, dm_err *err)
{
    dm_vm *vm = NULL;
    if (env->jail == NULL)
        return dm_fail(err, DM_E_INVALID, "spawn: no VMM runs without a jail");
    int r = dm_qemu_vm_new(env, config, &vm, err);
    if (r < 0)
        return r;
    vm->on_event = on_event;
    vm->event_arg = arg;
    r = dm_qemu_op_begin(vm, "spawn", START_MS, done, arg, err);
    bool measure = config->base_dir == NULL && strcmp(vm->accel, "tcg") == 0;
    if (r == 0)
        r = measure ? dm_qemu_work_start(vm, boot_job, boot_go_on, NULL, -1, err) : vm_start(vm, err);
    if (r < 0) {
        dm_qemu_vm_free(vm);
        return dm_wrap(err, "spawn");
    }
    *out = vm;
    return 0;
}

/* --- adopt -------------------------------------------------------------------------------------------------- */

static void on_status(dm_vm *vm, const json_t *value)
{
    const char *status = dm_json_c(value, "status");
    if (status != NULL && strcmp(status, "running") == 0) {
        vm->state = DM_QEMU_RUNNING;
        (void)dm_qemu_op_end(vm, 0, NULL);
    } else if (status != NULL && strcmp(status, "paused") == 0) {
        vm->state = DM_QEMU_PAUSED;
        (void)dm_qemu_op_end(vm, 1, NULL);
    } else {
        dm_err err;
        (void)dm_fail(
                &err, DM_E_CONFLICT, "the VM is neither running nor paused but %.40s", status != NULL ? status : "odd");
        (void)dm_qemu_op_end(vm, err.code, &err);
    }
}

static void on_adopted(dm_vm *vm, const json_t *value)
{
    (void)value;
    dm_qemu_step(vm, "query-status", no_arguments, -1, on_status);
}

static int vm_adopt(dm_vm *vm, dm_err *err)
{
    char path[PATH_ROOM];
    int r = dm_path(path, sizeof(path), err, "%s/vmm.json", vm->config.run_dir);
    if (r == 0)
        r = dm_proc_recall(path, &vm->proc, err);
    if (r < 0) {
        dm_qemu_quit_stray(vm->config.run_dir);
        return dm_fail(err, DM_E_NOTFOUND, "no process in %s", vm->config.run_dir);
    }
    r = dm_sink_new(vm->env->loop, vm->config.run_dir, &vm->sink, err);
    return r < 0 ? r : dm_qemu_vm_attach(vm, on_adopted, err);
}

/* A process that is found and cannot be spoken to is killed: it is of no use, and holds a disk and a tap. */
static int adopt(const dm_vmm_env *env, const dm_vm_config *config, dm_vm_done_fn done, dm_vm_event_fn on_event,
        void *arg, dm_vm **out, dm_err *err)
{
    dm_vm *vm = NULL;
    int r = dm_qemu_vm_new(env, config, &vm, err);
    if (r < 0)
        return r;
    vm->on_event = on_event;
    vm->event_arg = arg;
    r = dm_qemu_op_begin(vm, "adopt", ADOPT_MS, done, arg, err);
    if (r == 0)
        r = vm_adopt(vm, err);
    if (r < 0) {
        dm_qemu_vm_free(vm);
        return dm_wrap(err, "adopt");
    }
    *out = vm;
    return 0;
}

/* --- load --------------------------------------------------------------------------------------------------- */

static int load_job(dm_qemu_work *w, dm_err *err)
{
    return dm_qemu_snap_load(&w->snap, err);
}

static void load_poll(void *arg);

static void load_paused(dm_vm *vm, const json_t *value)
{
    dm_err err;
    bool running = true;
    if (dm_json_bool(value, "running", &running, NULL) != 0 || running) {
        (void)dm_fail(&err, DM_E_INTERNAL, "the guest runs before it should");
        (void)dm_qemu_op_end(vm, err.code, &err);
        return;
    }
    vm->state = DM_QEMU_PAUSED;
    (void)dm_qemu_op_end(vm, 0, NULL);
}

static void load_closed(dm_vm *vm, const json_t *value)
{
    (void)value;
    dm_qemu_step(vm, "query-status", no_arguments, -1, load_paused);
}

static void load_status(dm_vm *vm, const json_t *value)
{
    const char *status = dm_json_c(value, "status");
    if (status != NULL && strcmp(status, "completed") == 0) {
        dm_qemu_step(vm, "remove-fd", DM_STR("{\"fdset-id\":" FDSET "}"), -1, load_closed);
    } else if (status != NULL && (strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0)) {
        dm_err err;
        const char *why = dm_json_c(value, "error-desc");
        (void)dm_fail(&err, DM_E_CORRUPT, "the device state was refused%s%.120s", why != NULL ? ": " : "",
                why != NULL ? why : "");
        (void)dm_qemu_op_end(vm, err.code, &err);
    } else {
        dm_timer_in(vm->poll_timer, POLL_US); /* until the operation's deadline */
    }
}

static void load_poll(void *arg)
{
    dm_qemu_step(arg, "query-migrate", no_arguments, -1, load_status);
}

static void load_begun(dm_vm *vm, const json_t *value)
{
    (void)value;
    load_poll(vm);
}

static void load_passed(dm_vm *vm, const json_t *value)
{
    (void)value;
    dm_qemu_step(vm, "migrate-incoming", DM_STR("{\"uri\":\"file:" FDSET_PATH "\"}"), -1, load_begun);
}

static void load_go_on(dm_vm *vm, dm_qemu_work *w)
{
    dm_qemu_step(vm, "add-fd", DM_STR("{\"fdset-id\":" FDSET "}"), w->snap.device, load_passed);
}

static int load(dm_vm *vm, const char *delta_dir, dm_vm_done_fn done, void *arg, dm_err *err)
{
    if (vm->state != DM_QEMU_SPAWNED || vm->config.base_dir == NULL)
        return dm_fail(err, DM_E_CONFLICT, "load: the VM does not wait for it");
    int r = dm_qemu_op_begin(vm, "load", LOAD_MS, done, arg, err);
    if (r < 0)
        return r;
    if (vm->poll_timer == NULL)
        r = dm_loop_timer(vm->env->loop, load_poll, vm, &vm->poll_timer, err);
    if (r == 0)
        r = dm_qemu_work_start(vm, load_job, load_go_on, delta_dir, -1, err);
    if (r < 0)
        dm_qemu_op_forget(vm);
    return r;
}

/* --- run, stop ---------------------------------------------------------------------------------------------- */

static void on_running(dm_vm *vm, const json_t *value)
{
    (void)value;
    vm->state = DM_QEMU_RUNNING;
    (void)dm_qemu_op_end(vm, 0, NULL);
}

static void on_stopped(dm_vm *vm, const json_t *value)
{
    (void)value;
    vm->state = DM_QEMU_PAUSED;
    (void)dm_qemu_op_end(vm, 0, NULL);
}

static int simple(dm_vm *vm, const char *name, const char *command, unsigned limit_ms, dm_qemu_step_fn next,
        dm_vm_done_fn done, void *arg, dm_err *err)
{
    int r = dm_qemu_op_begin(vm, name, limit_ms, done, arg, err);
    if (r < 0)
        return r;
    r = dm_qemu_step_try(vm, command, no_arguments, -1, next, err);
    if (r < 0)
        dm_qemu_op_forget(vm);
    return r;
}

static int run(dm_vm *vm, dm_vm_done_fn done, void *arg, dm_err *err)
{
    bool boots = vm->state == DM_QEMU_SPAWNED && vm->config.base_dir == NULL;
    if (!boots && vm->state < DM_QEMU_PAUSED)
        return dm_fail(err, DM_E_CONFLICT, "run: the VM is not loaded");
    return simple(vm, "run", "cont", RUN_MS, on_running, done, arg, err);
}

static int stop(dm_vm *vm, dm_vm_done_fn done, void *arg, dm_err *err)
{
    if (vm->state < DM_QEMU_PAUSED)
        return dm_fail(err, DM_E_CONFLICT, "stop: the VM has not run");
    return simple(vm, "stop", "stop", STOP_MS, on_stopped, done, arg, err);
}

/* --- save --------------------------------------------------------------------------------------------------- */

static int save_job(dm_qemu_work *w, dm_err *err)
{
    return dm_qemu_snap_save(&w->snap, w->kind, err);
}

static void save_written(dm_vm *vm, dm_qemu_work *w)
{
    DM_LOG(vm->env->log, DM_DEBUG, "vmm.saved", dm_fi("pid", vm->proc.pid), dm_fu("kib", w->snap.bytes / 1024));
    (void)dm_qemu_op_end(vm, 0, NULL);
}

/* From here on QEMU has done its part, and stands as it stood before. */
static void save_closed(dm_vm *vm, const json_t *value)
{
    dm_err err;
    (void)value;
    vm->op.harmless = true;
    int r = dm_qemu_work_start(vm, save_job, save_written, vm->op.dir, dm_steal_fd(&vm->op.device), &err);
    if (r < 0)
        (void)dm_qemu_op_end(vm, r, &err);
}

static void save_given_up(dm_vm *vm, const json_t *value)
{
    dm_err why = vm->op.why;
    (void)value;
    vm->op.harmless = true;
    (void)dm_qemu_op_end(vm, why.code, &why);
}

/* No room for the device state, say. The file must not be there for the next save to find. */
static void save_refused(dm_vm *vm, const json_t *value)
{
    (void)value;
    dm_qemu_step(vm, "remove-fd", DM_STR("{\"fdset-id\":" FDSET "}"), -1, save_given_up);
}

static void save_devices(dm_vm *vm, const json_t *value)
{
    (void)value;
    vm->op.refused = NULL;
    dm_qemu_step(vm, "remove-fd", DM_STR("{\"fdset-id\":" FDSET "}"), -1, save_closed);
}

/* live false: the drives stay ours; else QEMU would let go of them, as if another were to take them over. */
static void save_passed(dm_vm *vm, const json_t *value)
{
    (void)value;
    vm->op.refused = save_refused;
    dm_qemu_step(
            vm, "xen-save-devices-state", DM_STR("{\"filename\":\"" FDSET_PATH "\",\"live\":false}"), -1, save_devices);
}

static int save_begin(dm_vm *vm, enum dm_vm_save kind, const char *dir, dm_err *err)
{
    vm->op.kind = kind;
    vm->op.dir = strdup(dir);
    if (vm->op.dir == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a path");
    vm->op.device = dm_open_beneath(dir, "device", O_WRONLY | O_CREAT, 0600, err);
    if (vm->op.device < 0)
        return vm->op.device;
    return dm_qemu_step_try(vm, "add-fd", DM_STR("{\"fdset-id\":" FDSET "}"), vm->op.device, save_passed, err);
}

static int save(dm_vm *vm, enum dm_vm_save kind, const char *dir, dm_vm_done_fn done, void *arg, dm_err *err)
{
    if (vm->state != DM_QEMU_PAUSED)
        return dm_fail(err, DM_E_CONFLICT, "save: the VM is not stopped");
    int r = dm_qemu_op_begin(vm, "save", SAVE_MS, done, arg, err);
    if (r < 0)
        return r;
    r = save_begin(vm, kind, dir, err);
    if (r < 0)
        dm_qemu_op_forget(vm);
    return r;
}

/* --- the rest ----------------------------------------------------------------------------------------------- */

static int probe(const dm_vmm_env *env, dm_vmm_caps *out, dm_err *err)
{
    dm_vmm_caps caps = {.flags = DM_VMM_DELTA_LOAD};
    int r = dm_qemu_accel(env, &caps.accel, err);
    if (r == 0 && access(DM_QEMU_FIRMWARE, R_OK) < 0)
        r = dm_fail_sys(err, errno, "the firmware %s", DM_QEMU_FIRMWARE);
    if (r == 0)
        r = dm_qemu_version(env->binary, caps.version, err);
    if (r < 0)
        return dm_wrap(err, "probe");
    if (strcmp(caps.accel, "tcg") == 0)
        caps.flags |= DM_VMM_NEEDS_WARM;
    *out = caps;
    return 0;
}

/* Under TCG the guest counts its time by the host's time stamp counter, at the rate it was told when it booted. */
static int check_clock(const dm_manifest *m, const char *accel, dm_err *err)
{
    int64_t khz;
    if (strcmp(accel, "tcg") != 0)
        return 0;
    int r = dm_qemu_tsc_khz(CHECK_TSC_MS, &khz, err);
    if (r < 0)
        return r;
    int64_t off = khz > m->tsc_khz ? khz - m->tsc_khz : m->tsc_khz - khz;
    if (off <= khz / CHECK_TSC_PART)
        return 0;
    return dm_fail(
            err, DM_E_CONFLICT, "the snapshot's clock runs at %d kHz, this host's at %d", (int)m->tsc_khz, (int)khz);
}

static int check(const dm_vmm_env *env, const dm_vm_config *config, dm_err *err)
{
    DM_AUTO_MANIFEST m = {.format = 0};
    dm_vmm_caps caps;
    dm_manifest here;
    dm_qemu_room room;
    int r = probe(env, &caps, err);
    if (r == 0)
        r = dm_qemu_here(config, caps.accel, caps.version, &room, &here, err);
    if (r < 0)
        return dm_wrap(err, "check");
    if (config->tap_fd < 0) /* whether there will be one is not known yet */
        here.devices = NULL;
    r = dm_manifest_read(config->base_dir, &m, err);
    if (r == 0)
        r = dm_manifest_fits(&m, &here, err);
    if (r == 0)
        r = check_clock(&m, caps.accel, err);
    return r < 0 && r != DM_E_NOMEM ? DM_VMM_STALE : r;
}

/* "RssAnon:  1234 kB" */
static uint64_t kib_of(dm_str status, const char *name)
{
    dm_str line, key, number;
    uint64_t kib;
    while (dm_str_split(&status, '\n', &line)) {
        if (!dm_str_split(&line, ':', &key) || !dm_str_eq_c(key, name))
            continue;
        line = dm_str_trim(line);
        if (dm_str_split(&line, ' ', &number) && dm_parse_u64(number, 0, UINT64_MAX, &kib, NULL) == 0)
            return kib;
    }
    return 0;
}

/* Private pages of a file's mapping count as anonymous: they are the copies. */
static int stats(dm_vm *vm, dm_vm_stats *out, dm_err *err)
{
    char path[64];
    clockid_t clock;
    struct timespec cpu;
    DM_AUTO_FD dir = -1;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 16384);
    if (vm->proc.pidfd < 0)
        return dm_fail(err, DM_E_UNAVAILABLE, "stats: there is no process");
    int r = dm_proc_dir(&vm->proc, &dir, err);
    if (r < 0)
        return r;
    if (clock_getcpuclockid(vm->proc.pid, &clock) != 0 || clock_gettime(clock, &cpu) < 0)
        return dm_fail(err, DM_E_UNAVAILABLE, "stats: the process is gone");
    r = dm_path(path, sizeof(path), err, "/proc/self/fd/%d/status", dir);
    if (r == 0)
        r = dm_file_read(path, &b, err);
    if (r < 0)
        return dm_wrap(err, "stats");
    dm_str status = dm_buf_view(&b);
    *out = (dm_vm_stats){.cpu_us = (uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000,
            .rss_private_kib = kib_of(status, "RssAnon"),
            .rss_shared_kib = kib_of(status, "RssFile") + kib_of(status, "RssShmem")};
    return 0;
}

static int64_t pid(const dm_vm *vm)
{
    return vm->proc.pid;
}

static int agent_fd(dm_vm *vm, int *out, dm_err *err)
{
    return dm_qemu_dial(vm->config.run_dir, DM_QEMU_AGENT_SOCK, out, err);
}

/* Firmware; what it loads a kernel with, which is asked for in a template's build alone; and what some distributors
 * keep out of the program. */
static const char *const files[] = {DM_QEMU_FIRMWARE, "/usr/share/qemu/pvh.bin", "/usr/share/qemu/linuxboot_dma.bin",
        "/usr/share/qemu/kvmvapic.bin", "/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so",
        "/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-i386.so", NULL};

const dm_vmm_driver dm_vmm_qemu = {
        .name = "qemu",
        .files = files,
        .probe = probe,
        .check = check,
        .spawn = spawn,
        .adopt = adopt,
        .load = load,
        .run = run,
        .stop = stop,
        .save = save,
        .stats = stats,
        .pid = pid,
        .agent_fd = agent_fd,
        .destroy = dm_qemu_vm_destroy,
};
