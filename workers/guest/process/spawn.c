#include "workers/guest/process/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { STACK = 128 * 1024, LOOKUP_MAX = 4096, OPEN_SOFT = 1024, OPEN_HARD = 524288 };

struct dm_spawner {
    void *stack;
    size_t size;
};

/* What the child and we share. */
typedef struct job {
    const dm_spawn *what;
    int failed_at; /* a DM_SPAWN_* outcome, or -1 for a failure of ours */
    int sys;
    const char *step;
} job;

int dm_spawner_new(dm_spawner **out, dm_err *err)
{
    dm_spawner *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "spawner");
    s->size = STACK;
    s->stack = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (s->stack == MAP_FAILED) {
        free(s);
        return dm_fail(err, DM_E_NOMEM, "stack of a child");
    }
    *out = s;
    return 0;
}

void dm_spawner_free(dm_spawner *s)
{
    if (s == NULL)
        return;
    (void)munmap(s->stack, s->size);
    free(s);
}

/* --- in the child ------------------------------------------------------------------------------------------- */

static void say(const char *a, const char *b, const char *c)
{
    const char *const words[] = {a, b, c, "\n"};
    for (size_t i = 0; i < DM_LEN(words); i++)
        (void)!write(2, words[i], strlen(words[i]));
}

static void fail(job *j, int outcome, const char *step)
{
    j->failed_at = outcome;
    j->step = step;
    j->sys = errno;
    _exit(1);
}

static void descriptors(job *j)
{
    int fd[3] = {j->what->fd[0], j->what->fd[1], j->what->fd[2]};
    /* None of them may lie where another is going to. */
    for (unsigned i = 0; i < 3; i++) {
        if (fd[i] < 3)
            fd[i] = fcntl(fd[i], F_DUPFD, 3);
        if (fd[i] < 0)
            fail(j, -1, "descriptors");
    }
    for (int i = 0; i < 3; i++)
        if (dup2(fd[i], i) < 0)
            fail(j, -1, "descriptors");
    /* Everything of ours is close-on-exec; this is for what a library may have forgotten. */
    if (close_range(3, ~0U, 0) != 0 && errno != ENOSYS)
        fail(j, -1, "close_range");
    if (j->what->tty && (setsid() < 0 || ioctl(0, TIOCSCTTY, 0) != 0))
        fail(j, -1, "controlling terminal");
}

/* While still root: /proc/self belongs to root again once the user has changed. A failure is no reason not to run. */
static void standing(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "100", 3);
        (void)close(fd);
    }
    (void)setpriority(PRIO_PROCESS, 0, 0);
    const struct rlimit open_files = {OPEN_SOFT, OPEN_HARD};
    (void)setrlimit(RLIMIT_NOFILE, &open_files);
    (void)umask(022);
}

/* Raw calls: the C library's would tell all threads, of which there are none, through state we share. */
static void become_user(job *j)
{
    const dm_spawn *w = j->what;
    if (geteuid() != 0)
        return; /* a native run by somebody else: everything runs as that somebody */
    if (syscall(SYS_setgroups, w->groups_n, w->groups) != 0 || syscall(SYS_setresgid, w->gid, w->gid, w->gid) != 0 ||
            syscall(SYS_setresuid, w->uid, w->uid, w->uid) != 0)
        fail(j, -1, "change of user");
}

static void try_exec(job *j, const char *path)
{
    (void)execve(path, j->what->argv, j->what->envp);
    if (errno == E2BIG)
        fail(j, DM_SPAWN_TOO_LONG, "exec");
    if (errno != ENOEXEC)
        return;
    /* No format the kernel knows: a script for the shell. The slot before argv is ours to use. */
    union {
        char *const *given;
        char **ours;
    } argv = {.given = j->what->argv};
    union {
        const char *given;
        char *ours;
    } text = {.given = path}, sh = {.given = "/bin/sh"};
    argv.ours[-1] = sh.ours;
    argv.ours[0] = text.ours;
    (void)execve("/bin/sh", argv.ours - 1, j->what->envp);
    errno = ENOEXEC;
}

static int look_up(job *j)
{
    char full[LOOKUP_MAX];
    const char *cmd = j->what->cmd;
    size_t cmd_len = strlen(cmd);
    int worst = ENOENT;
    if (cmd_len == 0)
        return ENOENT;
    if (strchr(cmd, '/') != NULL) {
        try_exec(j, cmd);
        return errno;
    }
    for (const char *p = j->what->path; p != NULL;) {
        const char *end = strchrnul(p, ':');
        size_t len = (size_t)(end - p);
        if (len + cmd_len + 3 < sizeof(full)) {
            memcpy(full, len > 0 ? p : ".", len > 0 ? len : 1);
            len = len > 0 ? len : 1;
            full[len] = '/';
            memcpy(full + len + 1, cmd, cmd_len + 1);
            try_exec(j, full);
            if (errno != ENOENT && errno != ENOTDIR)
                worst = errno;
        }
        p = *end == ':' ? end + 1 : NULL;
    }
    return worst;
}

static int child(void *arg)
{
    job *j = arg;
    descriptors(j);
    standing();
    become_user(j);
    if (chdir(j->what->cwd) != 0)
        fail(j, DM_SPAWN_CWD, "cwd");
    const struct sigaction plain = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &plain, NULL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int sys = look_up(j);
    if (sys == ENOENT || sys == ENOTDIR) {
        say("exec: ", j->what->cmd, ": not found");
        _exit(127);
    }
    say("exec: ", j->what->cmd, sys == ENOEXEC ? ": cannot be run" : ": Permission denied");
    _exit(126);
}

/* --- in the parent ------------------------------------------------------------------------------------------ */

int dm_spawn_run(dm_spawner *s, const dm_spawn *what, pid_t *out, dm_err *err)
{
    job j = {.what = what};
    sigset_t all, before;
    (void)sigfillset(&all);
    /* No handler of ours may run in the child's copy of us. */
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    int pid = clone(child, (char *)s->stack + s->size, CLONE_VM | CLONE_VFORK | SIGCHLD, &j);
    int sys = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return dm_fail_sys(err, sys, "clone");
    if (j.failed_at == 0) {
        *out = pid;
        return 0;
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    int r = dm_fail_sys(err, j.sys, "%s", j.step);
    return j.failed_at > 0 ? j.failed_at : r;
}
