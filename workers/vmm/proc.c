/* Which process is it? A number is not an answer: it is given to another one as soon as its process has been reaped,
 * and a worker that starts again after a crash must find the VMs that lived on, and kill no stranger. So a process is
 * held by its pidfd, which never comes to mean another, and looked at (/proc) through a folder that is opened first and
 * believed only if the pidfd says afterwards that the process still lives. In a file it is remembered by the machine's
 * boot id, its pid and its start time in clock ticks. A pid comes back after tens of thousands of others, not within a
 * tick, so the three are one process; the pidfd is opened before the start time is read, so what was compared is what
 * is held.
 *
 * What does it get? Exactly what is on the list. posix_spawn is told to close every descriptor we do not give, also
 * those that we were started with and know nothing of; its steps run in order, so descriptors are first copied above
 * all targets (lift). Signals are reset, as our loop blocks some, and it has a session of its own: what is typed at our
 * terminal is not for VMs. There is no code of ours between fork and exec: this process has threads and much memory,
 * which a plain fork would have to copy.
 *
 * A pid namespace of its own it gets without a process of ours in between: which namespace children are born into is a
 * thread's own setting, so it is set before posix_spawn and set back after. A thread that cannot go back would have its
 * later children born in a stranger's, where they die with him: then we stop.
 *
 * When is it dead? When its pidfd says so, within a second of a SIGKILL, or else later: then dm_proc_kill says no and
 * the caller goes on waiting where that hurts nobody. A child is reaped exactly once; one that an earlier worker
 * started is its reaper's, and has no status for us. */
#include "workers/vmm/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "base/parse.h"

enum { HIGH_FD = 64, KILL_WAIT_MS = 1000, STAT_MAX = 4096, STAT_START = 22 };

/* Of the kernel's choice when memory runs out: 500 thousandths of it on top of what is used. We may be far below zero,
 * and a child has what we have. */
#define OOM_SCORE "500"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

/* Field STAT_START of /proc/PID/stat. The second field is the program's name and may hold anything, so count from the
 * last ')'. */
static int start_of(int proc_fd, uint64_t *out, dm_err *err)
{
    char path[64];
    DM_AUTO_BUF b;
    dm_buf_init(&b, STAT_MAX);
    int r = dm_path(path, sizeof(path), err, "/proc/self/fd/%d/stat", proc_fd);
    if (r == 0)
        r = dm_file_read(path, &b, err);
    if (r < 0)
        return r;
    const char *end = memrchr(b.p, ')', b.len);
    if (end == NULL || (size_t)(end - b.p) + 2 > b.len)
        return dm_fail(err, DM_E_CORRUPT, "odd process status");
    dm_str rest = {end + 2, b.len - (size_t)(end + 2 - b.p)}, word = {.n = 0};
    for (int field = 3; field <= STAT_START; field++)
        if (!dm_str_split(&rest, ' ', &word))
            return dm_fail(err, DM_E_CORRUPT, "short process status");
    return dm_parse_u64(word, 0, UINT64_MAX, out, err);
}

static bool alive(int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

int dm_proc_dir(const dm_proc *p, int *out, dm_err *err)
{
    char path[64];
    assert(p->pid > 0 && p->pidfd >= 0);
    int r = dm_path(path, sizeof(path), err, "/proc/%d", (int)p->pid);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    /* While it is alive its number is its own, so the folder opened before is its own as well. */
    if (fd < 0 || !alive(p->pidfd))
        return dm_fail(err, DM_E_NOTFOUND, "process %d is gone", (int)p->pid);
    *out = dm_steal_fd(&fd);
    return 0;
}

/* posix_spawn's steps run in order, so a number given early could be a source later: copies above all targets make the
 * order matter no more. */
static int lift(const dm_proc_fd *fds, size_t n, int *high, dm_err *err)
{
    for (size_t i = 0; i < n; i++) {
        if (fds[i].to < 0 || fds[i].to >= HIGH_FD)
            return dm_fail(err, DM_E_INVALID, "descriptor %d cannot be given", fds[i].to);
        high[i] = fcntl(fds[i].from, F_DUPFD_CLOEXEC, HIGH_FD);
        if (high[i] < 0)
            return dm_fail_sys(err, errno, "pass a descriptor on");
    }
    return 0;
}

static int set_up(
        posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, const dm_proc_fd *fds, const int *high, size_t n)
{
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attr, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attr, &all);
    for (int fd = 0; r == 0 && fd <= 2; fd++)
        r = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY, 0);
    /* Whatever we were started with and do not know of ends here as well. */
    for (int fd = 3; r == 0 && fd < HIGH_FD; fd++)
        r = posix_spawn_file_actions_addclose(actions, fd);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = posix_spawn_file_actions_adddup2(actions, high[i], fds[i].to);
    return r == 0 ? posix_spawn_file_actions_addclosefrom_np(actions, HIGH_FD) : r;
}

/* posix_spawn's answer, which is an errno. */
static int spawn_apart(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
        const posix_spawnattr_t *attr, char *const *argv, char *const *env)
{
    DM_AUTO_FD ours = open("/proc/thread-self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (ours < 0 || unshare(CLONE_NEWPID) < 0)
        return errno;
    int r = posix_spawn(pid, path, actions, attr, argv, env);
    if (setns(ours, CLONE_NEWPID) < 0)
        abort();
    return r;
}

static int start(const char *const *argv, const dm_proc_fd *fds, const int *high, size_t n, unsigned flags, pid_t *pid,
        dm_err *err)
{
    char *const *words = (char *const *)(uintptr_t)argv;
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8";
    char *const env[] = {path, lang, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int r = posix_spawn_file_actions_init(&actions);
    if (r != 0)
        return dm_fail_sys(err, r, "prepare %s", argv[0]);
    r = posix_spawnattr_init(&attr);
    if (r == 0) {
        r = set_up(&actions, &attr, fds, high, n);
        if (r == 0)
            r = (flags & DM_PROC_APART) != 0 ? spawn_apart(pid, argv[0], &actions, &attr, words, env)
                                             : posix_spawn(pid, argv[0], &actions, &attr, words, env);
        (void)posix_spawnattr_destroy(&attr);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return r != 0 ? dm_fail_sys(err, r, "start %s", argv[0]) : 0;
}

/* From outside, so that the process itself needs no step for it; it runs nothing of a guest's before. */
static void limit(pid_t pid, int proc_fd, uint64_t file_max)
{
    const struct rlimit none = {0, 0}, file = {file_max, file_max};
    (void)prlimit(pid, RLIMIT_CORE, &none, NULL);
    (void)prlimit(pid, RLIMIT_FSIZE, &file, NULL);
    DM_AUTO_FD oom = openat(proc_fd, "oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (oom >= 0)
        (void)dprintf(oom, OOM_SCORE);
}

static int spawn(const char *const *argv, const dm_proc_fd *fds, size_t n, unsigned flags, dm_proc *out, dm_err *err)
{
    int high[DM_PROC_FDS];
    if (n > DM_PROC_FDS)
        return dm_fail(err, DM_E_LIMIT, "too many descriptors");
    for (size_t i = 0; i < n; i++)
        high[i] = -1;
    dm_proc p = {.pidfd = -1, .child = true};
    int r = lift(fds, n, high, err);
    if (r == 0)
        r = start(argv, fds, high, n, flags, &p.pid, err);
    for (size_t i = 0; i < n; i++)
        dm_fd_closep(&high[i]);
    if (r < 0)
        return r;
    p.pidfd = pidfd_open(p.pid, 0);
    if (p.pidfd < 0) {
        r = dm_fail_sys(err, errno, "watch %s", argv[0]);
        (void)kill(p.pid, SIGKILL);
        (void)waitpid(p.pid, NULL, 0);
        return r;
    }
    *out = p;
    return 0;
}

static bool wait_end(int pidfd, unsigned ms)
{
    struct pollfd wait = {.fd = pidfd, .events = POLLIN};
    int r;
    do
        r = poll(&wait, 1, (int)ms);
    while (r < 0 && errno == EINTR);
    return r > 0;
}

int dm_proc_run(const char *const *argv, const dm_proc_fd *fds, size_t n, unsigned limit_ms, int *status, dm_err *err)
{
    dm_proc p;
    int r = spawn(argv, fds, n, 0, &p, err);
    if (r < 0)
        return r;
    if (!wait_end(p.pidfd, limit_ms)) {
        if (!dm_proc_kill(&p))
            (void)close(p.pidfd);
        return dm_fail(err, DM_E_TIMEOUT, "%s does not end", argv[0]);
    }
    *status = dm_proc_reap(&p);
    dm_fd_closep(&p.pidfd);
    return 0;
}

int dm_proc_spawn(const char *const *argv, const dm_proc_fd *fds, size_t n, unsigned flags, uint64_t file_max,
        dm_proc *out, dm_err *err)
{
    dm_proc p;
    int r = spawn(argv, fds, n, flags, &p, err);
    if (r < 0)
        return r;
    DM_AUTO_FD dir = -1;
    r = dm_proc_dir(&p, &dir, err);
    if (r == 0) {
        limit(p.pid, dir, file_max);
        r = start_of(dir, &p.start, err);
    }
    if (r < 0) {
        if (!dm_proc_kill(&p))
            (void)close(p.pidfd);
        return dm_wrap(err, "%s", argv[0]);
    }
    *out = p;
    return 0;
}

enum { MEMORY_BYTES = 512 };

struct memory {
    int64_t pid, start;
    char *boot;
};

static const dm_json_field memory_fields[] = {
        {"pid", DM_JSON_I64, offsetof(struct memory, pid), DM_JSON_NEED, 2, INT32_MAX},
        {"start", DM_JSON_I64, offsetof(struct memory, start), DM_JSON_NEED, 0, INT64_MAX},
        {"boot", DM_JSON_STR, offsetof(struct memory, boot), DM_JSON_NEED, 36, 36},
};

static int boot_id(dm_buf *b, dm_err *err)
{
    int r = dm_file_read(BOOT_ID, b, err);
    return r < 0 ? r : (b->len >= 36 ? 0 : dm_fail(err, DM_E_CORRUPT, "odd boot id"));
}

int dm_proc_remember(const dm_proc *p, const char *path, dm_err *err)
{
    DM_AUTO_BUF boot;
    DM_AUTO_BUF text;
    dm_buf_init(&boot, 64);
    dm_buf_init(&text, 512);
    int r = boot_id(&boot, err);
    if (r < 0)
        return r;
    boot.p[36] = '\0';
    dm_jw w;
    dm_jw_init(&w, &text);
    dm_json_encode(&w, memory_fields, DM_LEN(memory_fields),
            &(struct memory){.pid = p->pid, .start = (int64_t)p->start, .boot = boot.p});
    r = dm_buf_ok(&text, err);
    if (r < 0)
        return r;
    if (unlink(path) < 0 && errno != ENOENT)
        return dm_fail_sys(err, errno, "remove %s", path);
    /* Not synced: after a crash of the machine there is nothing to find again. */
    DM_AUTO_FD fd = dm_open_plain(path, O_WRONLY | O_CREAT, 0600, err);
    return fd < 0 ? fd : dm_write_all(fd, text.p, text.len, err);
}

/* Only root writes in its folder; a file that is there all the same and not of our making would name whomever its maker
 * likes. Opened once: what was looked at is what is read. */
static int read_own(const char *path, dm_buf *b, dm_err *err)
{
    struct stat st;
    size_t got;
    DM_AUTO_FD fd = dm_open_plain(path, O_RDONLY | O_NONBLOCK, 0, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return dm_fail_sys(err, errno, "stat %s", path);
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1)
        return dm_fail(err, DM_E_NOTFOUND, "%s is not of our making", path);
    char *p = dm_buf_want(b, MEMORY_BYTES);
    if (p == NULL)
        return dm_buf_ok(b, err);
    int r = dm_pread_all(fd, p, MEMORY_BYTES, 0, &got, err);
    if (r == 0)
        dm_buf_grew(b, got);
    return r;
}

static int recall(const char *path, struct memory *m, dm_err *err)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, MEMORY_BYTES);
    DM_AUTO(json_t) root = NULL;
    int r = read_own(path, &text, err);
    if (r == 0)
        r = dm_json_load(dm_buf_view(&text), MEMORY_BYTES, &root, err);
    if (r == 0)
        r = dm_json_decode(root, memory_fields, DM_LEN(memory_fields), m, err);
    return r;
}

static int verify(const struct memory *m, dm_proc *p, dm_err *err)
{
    DM_AUTO_BUF boot;
    dm_buf_init(&boot, 64);
    int r = boot_id(&boot, err);
    if (r < 0)
        return r;
    if (!dm_str_starts(dm_buf_view(&boot), dm_str_c(m->boot)))
        return dm_fail(err, DM_E_NOTFOUND, "the machine was restarted since");
    p->pid = (pid_t)m->pid;
    p->pidfd = pidfd_open(p->pid, 0);
    if (p->pidfd < 0)
        return dm_fail(err, DM_E_NOTFOUND, "process %d is gone", (int)p->pid);
    DM_AUTO_FD dir = -1;
    r = dm_proc_dir(p, &dir, err);
    if (r == 0)
        r = start_of(dir, &p->start, err);
    if (r == 0 && p->start != (uint64_t)m->start)
        r = dm_fail(err, DM_E_NOTFOUND, "process %d is another by now", (int)p->pid);
    return r;
}

int dm_proc_recall(const char *path, dm_proc *out, dm_err *err)
{
    struct memory m;
    dm_proc p = {.pidfd = -1};
    int r = recall(path, &m, err);
    if (r < 0)
        return dm_wrap(err, "find the process of %s", path);
    r = verify(&m, &p, err);
    dm_json_done(memory_fields, DM_LEN(memory_fields), &m);
    if (r < 0) {
        dm_fd_closep(&p.pidfd);
        return r;
    }
    *out = p;
    return 0;
}

int dm_proc_reap(dm_proc *p)
{
    int status = -1;
    if (p->child && waitpid(p->pid, &status, 0) != p->pid)
        status = -1;
    p->child = false;
    return status;
}

bool dm_proc_kill(dm_proc *p)
{
    if (p->pidfd < 0)
        return true;
    (void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
    if (!wait_end(p->pidfd, KILL_WAIT_MS))
        return false;
    (void)dm_proc_reap(p);
    dm_fd_closep(&p->pidfd);
    return true;
}
