#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/file.h"

#include "tests/support/vmmrig.h"
#include "workers/vmm/proc.h"

static int sh(const char *script, const dm_proc_fd *fds, size_t n, dm_proc *p, dm_err *err)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    return dm_proc_spawn(argv, fds, n, 0, 1 << 20, p, err);
}

/* Sources and targets overlap on purpose: each must arrive where it was sent. */
static void gets_exactly_its_descriptors(void **state)
{
    (void)state;
    int a[2], b[2];
    dm_proc p;
    char got[64] = "";
    assert_int_equal(pipe2(a, O_CLOEXEC), 0);
    assert_int_equal(pipe2(b, O_CLOEXEC), 0);
    const dm_proc_fd fds[] = {{a[1], b[1]}, {b[1], a[1]}};
    char script[256];
    (void)snprintf(
            script, sizeof(script), "echo to-a >&%d; echo to-b >&%d; ls /proc/self/fd | wc -l >&%d", b[1], a[1], b[1]);
    assert_int_equal(sh(script, fds, 2, &p, NULL), 0);
    (void)close(a[1]);
    (void)close(b[1]);
    assert_int_equal(read(b[0], got, sizeof(got) - 1), 5);
    assert_string_equal(got, "to-b\n");
    size_t n = 0;
    for (ssize_t r; n < sizeof(got) - 1 && (r = read(a[0], got + n, sizeof(got) - 1 - n)) > 0;)
        n += (size_t)r;
    got[n] = '\0';
    assert_string_equal(got, "to-a\n6\n"); /* 0 to 2, the two, and the folder ls reads */
    assert_true(dm_proc_kill(&p));
    (void)close(a[0]);
    (void)close(b[0]);
}

static void has_its_limits_and_no_blocked_signals(void **state)
{
    (void)state;
    dm_proc p;
    struct rlimit core, file;
    sigset_t block, old;
    char path[64];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 16384);
    (void)sigemptyset(&block);
    (void)sigaddset(&block, SIGTERM);
    assert_int_equal(sigprocmask(SIG_BLOCK, &block, &old), 0);
    assert_int_equal(sh("exec sleep 100", NULL, 0, &p, NULL), 0);
    assert_int_equal(prlimit(p.pid, RLIMIT_CORE, NULL, &core), 0);
    assert_int_equal(prlimit(p.pid, RLIMIT_FSIZE, NULL, &file), 0);
    assert_int_equal(core.rlim_cur, 0);
    assert_int_equal(file.rlim_max, 1 << 20);
    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)p.pid);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    assert_non_null(strstr(b.p, "SigBlk:\t0000000000000000"));
    assert_int_equal(getsid(p.pid), p.pid);
    assert_true(dm_proc_kill(&p));
    assert_int_equal(p.pidfd, -1);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
}

/* A worker that is to outlive its machines hands its own place in that order on. */
static void ends_before_us_without_memory(void **state)
{
    (void)state;
    dm_proc p;
    char path[64];
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64);
    DM_AUTO_FD own = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    assert_int_equal(dm_write_all(own, "100", 3, NULL), 0);
    assert_int_equal(sh("exec sleep 100", NULL, 0, &p, NULL), 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int)p.pid);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    assert_true(dm_str_eq_c(dm_str_trim(dm_buf_view(&b)), "500"));
    assert_true(dm_proc_kill(&p));
    assert_int_equal(dm_write_all(own, "0", 1, NULL), 0);
}

static void is_found_again(void **state)
{
    rig *g = *state;
    dm_proc p, q;
    dm_err err;
    char path[128];
    (void)rig_path(g, "vmm.json", path);
    assert_int_equal(dm_proc_recall(path, &q, &err), DM_E_NOTFOUND);
    assert_int_equal(sh("exec sleep 100", NULL, 0, &p, NULL), 0);
    assert_int_equal(dm_proc_remember(&p, path, NULL), 0);
    assert_int_equal(dm_proc_recall(path, &q, NULL), 0);
    assert_int_equal(q.pid, p.pid);
    assert_int_equal(q.start, p.start);
    assert_false(q.child);
    (void)close(q.pidfd);
    /* Whoever could write to the folder could not name another process. */
    char other[160];
    (void)snprintf(other, sizeof(other), "%s.other", path);
    assert_int_equal(link(path, other), 0);
    assert_int_equal(dm_proc_recall(path, &q, &err), DM_E_NOTFOUND);
    assert_says(err, "not of our making");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_true(dm_proc_recall(path, &q, &err) < 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rename(other, path), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(dm_proc_recall(path, &q, &err), DM_E_NOTFOUND);
        assert_says(err, "not of our making");
        assert_int_equal(chown(path, 0, 0), 0);
    }
    assert_int_equal(dm_proc_recall(path, &q, NULL), 0);
    (void)close(q.pidfd);
    /* The number is another's by now. */
    dm_proc lie = p;
    lie.start++;
    assert_int_equal(dm_proc_remember(&lie, path, NULL), 0);
    assert_int_equal(dm_proc_recall(path, &q, &err), DM_E_NOTFOUND);
    assert_says(err, "another by now");
    assert_int_equal(dm_proc_remember(&p, path, NULL), 0);
    assert_true(dm_proc_kill(&p));
    assert_int_equal(dm_proc_recall(path, &q, &err), DM_E_NOTFOUND);
    /* Another boot; nonsense. */
    assert_int_equal(
            dm_file_write(path, DM_STR("{\"pid\":2,\"start\":0,\"boot\":\"00000000-0000-0000-0000-000000000000\"}"),
                    0600, NULL),
            0);
    assert_int_equal(dm_proc_recall(path, &q, &err), DM_E_NOTFOUND);
    assert_int_equal(dm_file_write(path, DM_STR("{\"pid\":-1}"), 0600, NULL), 0);
    assert_true(dm_proc_recall(path, &q, &err) < 0);
}

static void a_dead_process_is_not_alive(void **state)
{
    (void)state;
    dm_proc p;
    dm_err err;
    int dir;
    assert_int_equal(sh("exec sleep 100", NULL, 0, &p, NULL), 0);
    assert_int_equal(dm_proc_dir(&p, &dir, NULL), 0);
    (void)close(dir);
    assert_int_equal(kill(p.pid, SIGKILL), 0);
    struct pollfd wait = {.fd = p.pidfd, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 5000), 1);
    assert_int_equal(dm_proc_dir(&p, &dir, &err), DM_E_NOTFOUND); /* a zombie, and still it is gone */
    int status = dm_proc_reap(&p);
    assert_true(WIFSIGNALED(status));
    (void)close(p.pidfd);
}

/* Process 1 of its own pid namespace, our own child, and the next child is where all others are. */
static void lives_apart(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("      skipped: it makes a namespace: root only\n");
        skip();
    }
    dm_proc p;
    char got[64] = "";
    int ends[2], status;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    const dm_proc_fd fds[] = {{ends[1], 1}};
    const char *argv[] = {"/bin/sh", "-c", "echo $$; exec sleep 100", NULL}, *none[] = {"/nowhere", NULL};
    const char *plain[] = {"/bin/sh", "-c", "test $$ -ne 1", NULL};
    assert_int_equal(dm_proc_spawn(argv, fds, 1, DM_PROC_APART, 1 << 20, &p, NULL), 0);
    assert_int_equal(read(ends[0], got, sizeof(got) - 1), 2);
    assert_string_equal(got, "1\n");
    assert_true(p.pid > 1);
    assert_int_equal(dm_proc_run(plain, NULL, 0, 5000, &status, NULL), 0);
    assert_int_equal(status, 0);
    assert_true(dm_proc_kill(&p));
    /* Also after one that did not come to be. */
    assert_true(dm_proc_spawn(none, NULL, 0, DM_PROC_APART, 0, &p, NULL) < 0);
    assert_int_equal(dm_proc_run(plain, NULL, 0, 5000, &status, NULL), 0);
    assert_int_equal(status, 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void run_waits_and_gives_up(void **state)
{
    (void)state;
    const char *exit3[] = {"/bin/sh", "-c", "exit 3", NULL}, *slow[] = {"/bin/sh", "-c", "exec sleep 100", NULL};
    const char *none[] = {"/nowhere", NULL};
    int status;
    dm_err err;
    assert_int_equal(dm_proc_run(exit3, NULL, 0, 5000, &status, NULL), 0);
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_int_equal(dm_proc_run(slow, NULL, 0, 50, &status, &err), DM_E_TIMEOUT);
    assert_int_equal(dm_proc_run(none, NULL, 0, 50, &status, &err), DM_E_NOTFOUND);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(gets_exactly_its_descriptors),
            cmocka_unit_test(has_its_limits_and_no_blocked_signals),
            cmocka_unit_test(ends_before_us_without_memory),
            cmocka_unit_test_setup_teardown(is_found_again, rig_open, rig_close),
            cmocka_unit_test(a_dead_process_is_not_alive),
            cmocka_unit_test(lives_apart),
            cmocka_unit_test(run_waits_and_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
