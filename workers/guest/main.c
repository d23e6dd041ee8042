/* dormouse-guest: the agent in each sandbox. As process 1 of a microVM it makes the machine (boot.h), then serves HTTP
 * to the sandbox's users and its worker over the control port. Started with --native it serves HTTP alone, for tests
 * and benches. One thread; everything waits in one epoll. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "base/parse.h"

#include "workers/guest/process/process.h"
#include "workers/guest/self/boot.h"
#include "workers/guest/self/control.h"
#include "workers/guest/setup.h"

enum { DESCRIPTORS = 65536 };

typedef struct options {
    bool native;
    const char *port, *token, *root, *user, *workdir;
} options;

typedef struct program {
    dm_loop *loop;
    dm_log *log;
    dm_guest *guest;
    dm_control *control;
    int stop_fd, child_fd;
    dm_watch *stop_watch, *child_watch;
} program;

static void usage(FILE *to)
{
    (void)fputs("usage: dormouse-guest --native --port N [--token T] [--root DIR] [--user NAME] [--workdir DIR]\n"
                "       as /init of a microVM: no arguments\n\n"
                "  --native    serve HTTP on the loopback address only; make no mounts\n"
                "  --port      1 to 65535\n"
                "  --token     what X-Access-Token must be; without it everybody may do everything\n"
                "  --root      change the root directory first\n"
                "  --user      the default user (root)\n"
                "  --workdir   the default directory (the user's home)\n",
            to);
}

/* 0, or the exit status + 1. */
static int parse_options(int argc, char **argv, options *o)
{
    const struct {
        const char *name;
        const char **to;
    } rows[] = {{"--port", &o->port}, {"--token", &o->token}, {"--root", &o->root}, {"--user", &o->user},
            {"--workdir", &o->workdir}};
    for (int i = 1; i < argc; i++) {
        const char **to = NULL;
        for (size_t j = 0; j < DM_LEN(rows); j++)
            if (strcmp(argv[i], rows[j].name) == 0)
                to = rows[j].to;
        if (strcmp(argv[i], "--help") == 0) {
            usage(stdout);
            return 1;
        }
        if (strcmp(argv[i], "--native") == 0) {
            o->native = true;
        } else if (to != NULL && i + 1 < argc) {
            *to = argv[++i];
        } else {
            (void)fprintf(stderr, "dormouse-guest: '%s' is not understood\n", argv[i]);
            usage(stderr);
            return 3;
        }
    }
    return 0;
}

static void on_child(void *arg, uint32_t events)
{
    program *p = arg;
    struct signalfd_siginfo info;
    (void)events;
    while (read(p->child_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        ;
    dm_procs_reap(p->guest->procs);
}

static void on_stop(void *arg, uint32_t events)
{
    program *p = arg;
    (void)events;
    dm_loop_stop(p->loop);
}

/* What tools that end a machine send to process 1. */
static void on_shutdown(void *arg, uint32_t events)
{
    program *p = arg;
    (void)events;
    dm_control_shutdown(p->control);
    dm_boot_power_off();
}

static int watch_children(program *p, dm_err *err)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return dm_fail_sys(err, errno, "block SIGCHLD");
    p->child_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (p->child_fd < 0)
        return dm_fail_sys(err, errno, "signalfd");
    return dm_loop_watch(p->loop, p->child_fd, EPOLLIN, on_child, p, &p->child_watch, err);
}

/* What is the same in both lives. */
static int start(program *p, uint16_t port, bool native, dm_err *err)
{
    const struct rlimit open_files = {DESCRIPTORS, 524288};
    (void)setrlimit(RLIMIT_NOFILE, &open_files);
    (void)umask(022);
    (void)signal(SIGPIPE, SIG_IGN);
    int r = dm_log_new(2, "dormouse-guest", native ? DM_WARN : DM_INFO, &dm_clock_real, &p->log, err);
    r = r < 0 ? r : dm_loop_new(&dm_clock_real, &p->loop, err);
    const dm_guest_conf conf = {
            .loop = p->loop, .clock = &dm_clock_real, .log = p->log, .port = port, .loopback_only = native};
    r = r < 0 ? r : dm_guest_new(&conf, &p->guest, err);
    return r < 0 ? r : watch_children(p, err);
}

static void stop(program *p)
{
    dm_control_free(p->control);
    dm_guest_free(p->guest);
    dm_watch_free(p->stop_watch);
    dm_watch_free(p->child_watch);
    dm_err err;
    if (p->loop != NULL && dm_loop_once(p->loop, 0, &err) != 0) /* closed connections free themselves in it */
        dm_log_err(p->log, DM_WARN, "guest.stop", &err);
    dm_loop_free(p->loop);
    dm_log_free(p->log);
    dm_fd_closep(&p->stop_fd);
    dm_fd_closep(&p->child_fd);
}

static int run_native(const options *o, dm_err *err)
{
    program p = {.stop_fd = -1, .child_fd = -1};
    uint64_t port;
    if (o->port == NULL || dm_parse_u64(dm_str_c(o->port), 1, 65535, &port, NULL) != 0)
        return dm_fail(err, DM_E_INVALID, "--port must be a number from 1 to 65535");
    if (o->root != NULL && strcmp(o->root, "/") != 0 && (chroot(o->root) != 0 || chdir("/") != 0))
        return dm_fail_sys(err, errno, "change the root to %s", o->root);
    int r = dm_loop_stop_signals(&p.stop_fd, err);
    r = r < 0 ? r : start(&p, (uint16_t)port, true, err);
    if (r == 0)
        r = dm_identity_set(&p.guest->identity, o->token != NULL ? o->token : "", o->user != NULL ? o->user : "root",
                o->workdir != NULL ? o->workdir : "", err);
    if (r == 0)
        r = dm_loop_watch(p.loop, p.stop_fd, EPOLLIN, on_stop, &p, &p.stop_watch, err);
    if (r == 0)
        r = dm_loop_run(p.loop, err);
    stop(&p);
    return r;
}

/* Does not return: process 1 must not end while its machine runs. */
static void run_machine(void)
{
    program p = {.stop_fd = -1, .child_fd = -1};
    dm_err err = {.code = 0};
    dm_machine machine = {.port = -1, .old_root = -1};
    int r = dm_boot(&machine, &err);
    r = r < 0 ? r : dm_loop_stop_signals(&p.stop_fd, &err);
    r = r < 0 ? r : start(&p, DM_GUEST_PORT, false, &err);
    r = r < 0 ? r : dm_control_new(p.guest, machine.port, &p.control, &err);
    r = r < 0 ? r : dm_loop_watch(p.loop, p.stop_fd, EPOLLIN, on_shutdown, &p, &p.stop_watch, &err);
    if (r == 0)
        r = dm_loop_run(p.loop, &err);
    dm_boot_say("dormouse-guest: the machine cannot go on: ", r < 0 ? err.msg : "the loop has ended");
    dm_boot_power_off();
}

int main(int argc, char **argv)
{
    options o = {.native = false};
    dm_err err = {.code = 0};
    if (getpid() == 1 && argc <= 1)
        run_machine();
    int r = parse_options(argc, argv, &o);
    if (r != 0)
        return r - 1;
    if (!o.native) {
        usage(stderr);
        return 2;
    }
    if (run_native(&o, &err) == 0)
        return 0;
    (void)fprintf(stderr, "dormouse-guest: %s\n", err.msg);
    return 1;
}
