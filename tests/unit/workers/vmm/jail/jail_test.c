/* A real jail, of real programs. Making one needs root: without it, these say so and skip. */
/* Covers workers/vmm/jail/filter.c. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/file.h"

#include "tests/support/vmmrig.h"
#include "workers/vmm/jail/cell.h"
#include "workers/vmm/jail/filter.h"
#include "workers/vmm/jail/jail.h"

enum { UID = 1999000000, WAIT_MS = 20000, OUT_MAX = 65536 };

static const char *const nothing[] = {NULL};

/* A program of the build, beside this one. */
static const char *built(const char *name, char out[PATH_MAX])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 64);
    assert_true(n > 0);
    out[n] = '\0';
    (void)snprintf(strrchr(out, '/') + 1, 64, "%s", name);
    return out;
}

#define NEED_ROOT                                                                                                      \
    do {                                                                                                               \
        if (geteuid() != 0) {                                                                                          \
            print_message("      skipped: it makes namespaces: root only\n");                                          \
            skip();                                                                                                    \
        }                                                                                                              \
    } while (0)

static dm_jail *jail_of(const rig *g, const char *binary)
{
    char dir[128], program[PATH_MAX];
    dm_jail *j = NULL;
    dm_err err = {0};
    const dm_tree_config c = {.dir = rig_path(g, "jail", dir),
            .program = built("dormouse-jail", program),
            .binary = binary,
            .files = nothing};
    if (dm_jail_new(&c, &j, &err) < 0)
        fail_msg("%s", err.msg);
    return j;
}

/* What it says, to its end; or with status NULL it is left running, and said is what it says first. */
static void run(const dm_jail *j, const dm_jail_cell *cell, const char *const *argv, char *said, size_t room,
        int *status, dm_proc *p)
{
    int ends[2];
    dm_err err = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    DM_AUTO_FD from = ends[0];
    const dm_proc_fd fds[] = {{ends[1], 1}, {ends[1], 2}};
    int r = dm_jail_spawn(j, cell, argv, fds, 2, 1 << 20, p, &err);
    if (r < 0 && (r != DM_E_NOTFOUND || status == NULL)) /* not found: it was that quick */
        fail_msg("%s", err.msg);
    (void)close(ends[1]);
    size_t n = 0;
    struct pollfd wait = {.fd = from, .events = POLLIN};
    while (n < room - 1 && poll(&wait, 1, WAIT_MS) > 0) {
        ssize_t got = read(from, said + n, room - 1 - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        if (status == NULL)
            break;
    }
    said[n] = '\0';
    if (status == NULL)
        return;
    *status = -1;
    if (r < 0)
        return;
    wait.fd = p->pidfd;
    assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
    *status = dm_proc_reap(p);
    dm_fd_closep(&p->pidfd);
}

static int memory_file(const char *text)
{
    int fd = memfd_create("seen", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, 0644), 0);
    return fd;
}

static int real_file(const rig *g, const char *name, const char *text, uint32_t uid)
{
    char path[128];
    assert_int_equal(dm_file_write(rig_path(g, name, path), dm_str_c(text), 0644, NULL), 0);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fchown(fd, uid, uid), 0);
    return fd;
}

static void shows_what_it_is_told_to(void **state)
{
    NEED_ROOT;
    const rig *g = *state;
    char said[256], path[128];
    int status;
    dm_proc p;
    DM_AUTO(dm_jail) j = jail_of(g, "/bin/sh");
    DM_AUTO_FD ram = real_file(g, "template", "memory", UID);
    DM_AUTO_FD own = real_file(g, "own", "old", UID);
    const dm_jail_view views[] = {{ram, "ram", false}, {own, "kernel", true}};
    const dm_jail_cell cell = {.uid = UID, .views = views, .n_views = 2};
    const char *script = "sleep 0.2; read -r x </ram; echo \"$x\"; echo y >/ram; echo new >/kernel; echo nothing "
                         ">/dev/null; echo $$";
    run(j, &cell, (const char *const[]){"/bin/sh", "-c", script, NULL}, said, sizeof(said), &status, &p);
    assert_non_null(strstr(said, "memory\n"));
    assert_non_null(strstr(said, "Read-only file system"));
    assert_non_null(strstr(said, "\n1\n"));
    assert_int_equal(status, 0);
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64);
    assert_int_equal(dm_file_read(rig_path(g, "own", path), &b, NULL), 0);
    assert_str(dm_buf_view(&b), "new\n");
    assert_int_equal(dm_file_read(rig_path(g, "template", path), &b, NULL), 0);
    assert_str(dm_buf_view(&b), "memory");
    /* A file without a place of its own, and a place that is none. */
    const dm_jail_view lost[] = {{ram, "elsewhere", false}};
    run(j, &(dm_jail_cell){.uid = UID, .views = lost, .n_views = 1}, (const char *const[]){"/bin/sh", NULL}, said,
            sizeof(said), &status, &p);
    assert_non_null(strstr(said, "dormouse-jail: elsewhere: "));
    assert_true(status == -1 || WEXITSTATUS(status) == 127);
}

static void says_what_does_not_start(void **state)
{
    NEED_ROOT;
    const rig *g = *state;
    char said[256];
    int status;
    dm_proc p;
    dm_err err;
    DM_AUTO(dm_jail) j = jail_of(g, "/bin/sh");
    run(j, &(dm_jail_cell){.uid = UID}, (const char *const[]){"/usr/bin/env", NULL}, said, sizeof(said), &status, &p);
    assert_string_equal(said, "dormouse-jail: /usr/bin/env: No such file or directory\n"); /* not in the tree */
    assert_true(status == -1 || WEXITSTATUS(status) == 127);
    const char *const sh[] = {"/bin/sh", NULL};
    assert_int_equal(dm_jail_spawn(j, &(dm_jail_cell){.uid = 0}, sh, NULL, 0, 0, &p, &err), DM_E_INVALID);
}

/* As the kernel sees it from outside; and we find it again, and our other children are where they always were. */
static void has_nothing_left(void **state)
{
    NEED_ROOT;
    const rig *g = *state;
    static const char *const lines[] = {"Uid:\t1999000000\t1999000000\t1999000000\t1999000000\n",
            "Gid:\t1999000000\t1999000000\t1999000000\t1999000000\n", "Groups:\t \n", "CapInh:\t0000000000000000\n",
            "CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n",
            "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n", "\t1\nNSpgid:"};
    char said[64], path[128];
    int status;
    dm_proc p, q;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 65536);
    DM_AUTO(dm_jail) j = jail_of(g, "/bin/sh");
    const char *const argv[] = {"/bin/sh", "-c", "ulimit -t 20; echo up; while :; do :; done", NULL};
    run(j, &(dm_jail_cell){.uid = UID}, argv, said, sizeof(said), NULL, &p);
    assert_string_equal(said, "up\n");
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)p.pid);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    *dm_buf_want(&b, 1) = '\0';
    for (size_t i = 0; i < DM_LEN(lines); i++)
        if (strstr(b.p, lines[i]) == NULL)
            fail_msg("\"%s\" is not in its status", lines[i]);
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)p.pid);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    assert_str(dm_str_trim(dm_buf_view(&b)), "500"); /* by who spawns it (proc.c) */
    (void)snprintf(path, sizeof(path), "/proc/%d/limits", (int)p.pid);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    assert_non_null(memmem(b.p, b.len, "Max file size             1048576 ", 34));
    /* Nothing of the jail's own is open in it: 0 to 2. */
    (void)snprintf(path, sizeof(path), "/proc/%d/fd/3", (int)p.pid);
    assert_int_equal(readlink(path, said, sizeof(said)), -1);
    assert_int_equal(dm_proc_remember(&p, rig_path(g, "vmm.json", path), NULL), 0);
    assert_int_equal(dm_proc_recall(path, &q, NULL), 0);
    assert_int_equal(q.pid, p.pid);
    dm_fd_closep(&q.pidfd);
    const char *const plain[] = {"/bin/sh", "-c", "read -r pid rest </proc/self/stat; test $pid = $$", NULL};
    assert_int_equal(dm_proc_run(plain, NULL, 0, WAIT_MS, &status, NULL), 0);
    assert_int_equal(status, 0);
    assert_true(dm_proc_kill(&p));
}

static int listener(int family, const struct sockaddr *a, socklen_t n)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, a, n), 0);
    assert_int_equal(listen(fd, 4), 0);
    return fd;
}

/* tests/attack/breakout.c stands in the VMM's place, beside another machine. */
static void who_breaks_out_has_nothing(void **state)
{
    NEED_ROOT;
    const rig *g = *state;
    char binary[PATH_MAX], words[6][160], path[128], name[64];
    DM_AUTO_MEM char *told = malloc(OUT_MAX);
    int status;
    dm_proc victim, p;
    DM_AUTO(dm_jail) j = jail_of(g, built("breakout", binary));
    DM_AUTO_FD secret = real_file(g, "secret", "another tenant's", 0);
    DM_AUTO_FD ram = real_file(g, "template", "memory", 0);
    struct sockaddr_in loop = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    (void)snprintf(name, sizeof(name), "dm-jail-test-%d", (int)getpid());
    (void)snprintf(un.sun_path + 1, sizeof(un.sun_path) - 1, "%s", name);
    DM_AUTO_FD tcp = listener(AF_INET, (const struct sockaddr *)&loop, sizeof(loop));
    DM_AUTO_FD abstract = listener(AF_UNIX, (const struct sockaddr *)&un,
            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1));
    socklen_t size = sizeof(loop);
    assert_int_equal(getsockname(tcp, (struct sockaddr *)&loop, &size), 0);
    const dm_jail_view views[] = {{ram, "ram", false}};
    dm_err err = {0};
    const char *const sleeper[] = {binary, "wait", NULL};
    if (dm_jail_spawn(j, &(dm_jail_cell){.uid = UID + 1}, sleeper, NULL, 0, 0, &victim, &err) < 0)
        fail_msg("%s", err.msg);
    (void)snprintf(words[0], sizeof(words[0]), "pid=%d", (int)victim.pid);
    (void)snprintf(words[1], sizeof(words[1]), "pid=%d", (int)getpid());
    (void)snprintf(words[2], sizeof(words[2]), "file=%s", rig_path(g, "secret", path));
    (void)snprintf(words[3], sizeof(words[3]), "port=%d", (int)ntohs(loop.sin_port));
    (void)snprintf(words[4], sizeof(words[4]), "abstract=%s", name);
    (void)snprintf(words[5], sizeof(words[5]), "file=%s", g->dir);
    const char *const argv[] = {binary, words[0], words[1], words[2], words[3], words[4], words[5], NULL};
    run(j, &(dm_jail_cell){.uid = UID, .views = views, .n_views = 1}, argv, told, OUT_MAX, &status, &p);
    assert_int_equal(status, 0);
    dm_str rest = dm_str_c(told), line;
    unsigned tries = 0, reached = 0;
    while (dm_str_split(&rest, '\n', &line)) {
        if (line.n > 4 && memcmp(line.p + line.n - 4, " yes", 4) == 0) {
            print_message("      reached: %.*s\n", (int)line.n - 4, line.p);
            reached++;
        }
        tries++;
    }
    assert_non_null(strstr(told, "\nend\n"));
    assert_true(tries > 120);
    assert_int_equal(reached, 0);
    assert_true(dm_proc_kill(&victim));
}

/* Of the size of what it lists, and the same each time: a tree is called by it. */
static void filter_is_a_program(void **state)
{
    (void)state;
    struct stat a, b;
    DM_AUTO_FD one = memory_file(""), two = memory_file("");
    assert_int_equal(dm_filter_vmm(one, NULL), 0);
    assert_int_equal(dm_filter_vmm(two, NULL), 0);
    assert_int_equal(fstat(one, &a), 0);
    assert_int_equal(fstat(two, &b), 0);
    assert_int_equal(a.st_size, b.st_size);
    assert_int_equal(a.st_size % 8, 0);
    assert_in_range(a.st_size / 8, 50, 4095);
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)
    static const struct CMUnitTest tests[] = {RIG_TEST(filter_is_a_program), RIG_TEST(shows_what_it_is_told_to),
            RIG_TEST(says_what_does_not_start), RIG_TEST(has_nothing_left), RIG_TEST(who_breaks_out_has_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
