#include "metering/export/data/print.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"

enum { LOOK_MS = 200, WORDS_MAX = 180 };

bool dm_print_knows(dm_str format)
{
    return dm_str_eq_c(format, "pdf") || dm_str_eq_c(format, "ubl") || dm_str_eq_c(format, "cii");
}

int dm_print_paper(const char *folder, int *out, dm_err *err)
{
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return dm_fail_sys(err, errno, "a file without a name");
    *out = fd;
    return 0;
}

static int start(const dm_print *p, const char *format, int in, int to, int words, pid_t *pid, dm_err *err)
{
    /* posix_spawn takes them without const and does not write */
    char *const argv[] = {(char *)(uintptr_t)p->program, (char *)(uintptr_t)format, NULL}, *const env[] = {NULL};
    posix_spawn_file_actions_t fa;
    int e = posix_spawn_file_actions_init(&fa);
    if (e != 0)
        return dm_fail_sys(err, e, "spawn");
    e = posix_spawn_file_actions_adddup2(&fa, in, STDIN_FILENO);
    if (e == 0)
        e = posix_spawn_file_actions_adddup2(&fa, to, STDOUT_FILENO);
    if (e == 0)
        e = posix_spawn_file_actions_adddup2(&fa, words, STDERR_FILENO);
    if (e == 0)
        e = posix_spawn(pid, p->program, &fa, NULL, argv, env);
    (void)posix_spawn_file_actions_destroy(&fa);
    return e != 0 ? dm_fail_sys(err, e, "start %s", p->program) : 0;
}

/* Until it has ended, or is to. */
static int wait_for(const dm_print *p, pid_t pid, int *status, dm_err *err)
{
    DM_AUTO_FD fd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd look = {.fd = fd, .events = POLLIN};
    int r = fd < 0 ? dm_fail_sys(err, errno, "pidfd") : 0;
    while (r == 0 && poll(&look, 1, LOOK_MS) <= 0)
        r = p->beat(p->arg, err);
    if (r != 0)
        (void)kill(pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR)
        ;
    return r;
}

/* Its first line on standard error. */
static int said(int words, dm_err *err)
{
    static const dm_str name = DM_STR_INIT("dormouse-print: ");
    char text[WORDS_MAX];
    size_t n = 0;
    int r = dm_pread_all(words, text, sizeof text, 0, &n, err);
    if (r < 0)
        return r;
    dm_str line = {text, n};
    const char *end = memchr(text, '\n', n);
    if (end != NULL)
        line.n = (size_t)(end - text);
    if (dm_str_starts(line, name))
        line = (dm_str){line.p + name.n, line.n - name.n};
    return dm_fail(err, DM_E_INVALID, "%.*s", (int)line.n, line.n > 0 ? line.p : "");
}

int dm_print_run(const dm_print *p, const char *format, int in, int to, dm_err *err)
{
    DM_AUTO_FD words = -1;
    pid_t pid;
    int status = 0;
    int r = lseek(in, 0, SEEK_SET) < 0 ? dm_fail_sys(err, errno, "lseek") : dm_print_paper(p->folder, &words, err);
    if (r == 0)
        r = start(p, format, in, to, words, &pid, err);
    if (r == 0)
        r = wait_for(p, pid, &status, err);
    if (r != 0)
        return r;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : said(words, err);
}
