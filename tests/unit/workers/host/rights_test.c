#include <errno.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"

#include "tests/unit/test.h"
#include "workers/host/rights.h"
#include "workers/vmm/proc.h"

/* In a child: what is given up does not come back. */
static int in_child(int (*fn)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        dm_err err;
        if (dm_rights_reduce(&err) < 0) {
            (void)fprintf(stderr, "%s\n", err.msg);
            _exit(99);
        }
        _exit(fn());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool says(const char *path, const char *line)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, 65536);
    return dm_file_read(path, &b, NULL) == 0 && memmem(b.p, b.len, line, strlen(line)) != NULL;
}

/* A line of /proc/self/status that is a mask. */
static uint64_t mask_of(const char *name)
{
    DM_AUTO_BUF b;
    dm_str rest, line, key;
    uint64_t m = 0;
    dm_buf_init(&b, 65536);
    assert_int_equal(dm_file_read("/proc/self/status", &b, NULL), 0);
    rest = dm_buf_view(&b);
    while (dm_str_split(&rest, '\n', &line)) {
        if (!dm_str_split(&line, ':', &key) || !dm_str_eq_c(key, name))
            continue;
        line = dm_str_trim(line);
        for (size_t i = 0; i < line.n; i++)
            m = m << 4 | (uint64_t)dm_hex_digit(line.p[i]);
    }
    return m;
}

/* 11 at most, by their numbers in linux/capability.h; a machine may keep some of them from root. */
static const uint64_t most = 0x12811eb;

static int has_few(void)
{
    char script[128];
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    int status;
    uint64_t left = mask_of("CapEff");
    if ((left & ~most) != 0 || (left & 1U << CAP_SYS_ADMIN) == 0)
        return 1;
    if (mask_of("CapPrm") != left || (mask_of("CapBnd") & ~most) != 0)
        return 2;
    if (mask_of("CapInh") != 0 || mask_of("CapAmb") != 0)
        return 3;
    if (!says("/proc/self/status", "NoNewPrivs:\t1\n") || !says("/proc/self/status", "Seccomp:\t2\n"))
        return 4;
    /* What it executes has as little. */
    (void)snprintf(script, sizeof(script), "grep -q '^CapEff:.%016llx$' /proc/self/status", (unsigned long long)left);
    return dm_proc_run(argv, NULL, 0, 10000, &status, NULL) == 0 && status == 0 ? 0 : 5;
}

static int calls_little(void)
{
    struct io_uring_params ring = {.flags = 0};
    char log[16];
    if (syscall(SYS_io_uring_setup, 1, &ring) >= 0 || errno != ENOSYS)
        return 1;
    if (syscall(SYS_keyctl, 0, -3, 0) >= 0 || errno != EPERM)
        return 2;
    if (syscall(SYS_init_module, log, 0, "") >= 0 || errno != EPERM)
        return 3;
    if (ptrace(PTRACE_SEIZE, getppid(), 0, 0) >= 0 || errno != EPERM)
        return 4;
    if (socket(40, SOCK_STREAM, 0) >= 0) /* vsock */
        return 5;
    if (socket(AF_PACKET, SOCK_RAW, 0) >= 0)
        return 6;
    int fd = socket(AF_NETLINK, SOCK_RAW, 0);
    return fd >= 0 ? close(fd) : 7;
}

/* What it runs for a slot still does what it does, in a namespace that is made and goes. */
static int makes_slots(void)
{
    const char *const argv[] = {"/bin/sh", "-c",
            "ip netns add dm-rights-test && ip netns del dm-rights-test && nft list tables >/dev/null", NULL};
    int status;
    return dm_proc_run(argv, NULL, 0, 10000, &status, NULL) == 0 && status == 0 ? 0 : 1;
}

static void gives_up_what_it_does_not_need(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        print_message("      skipped: nobody else has rights to give up\n");
        skip();
    }
    assert_int_equal(in_child(has_few), 0);
    assert_int_equal(in_child(makes_slots), 0);
}

static void asks_the_kernel_for_little(void **state)
{
    (void)state;
    assert_int_equal(in_child(calls_little), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(gives_up_what_it_does_not_need), cmocka_unit_test(asks_the_kernel_for_little)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
