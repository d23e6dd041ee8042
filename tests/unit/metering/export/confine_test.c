#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "metering/export/confine.h"
#include "tests/unit/test.h"

/* In a child, whose exit code says which of its attempts went otherwise than it should: 0, none. */
static int in_child(bool files, int (*attempts)(bool files))
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(dm_confine(files, NULL) < 0 ? 99 : attempts(files));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool denied(long r)
{
    return r < 0 && errno == EPERM;
}

static void *nothing(void *arg)
{
    return arg;
}

static int outward(bool files)
{
    char *const argv[] = {(char[]){"true"}, NULL};
    (void)files;
    if (!denied(socket(AF_INET, SOCK_STREAM, 0)) || !denied(socket(AF_UNIX, SOCK_STREAM, 0)))
        return 1;
    if (!denied(execve("/bin/true", argv, argv)))
        return 2;
    if (!denied(syscall(SYS_fork)) || !denied(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL)))
        return 3;
    if (!denied(open("/dev/null", O_WRONLY)) || !denied(open("/dev/null", O_RDWR)))
        return 4;
    if (!denied(open("/tmp/dormouse-never", O_RDONLY | O_CREAT, 0600)))
        return 5;
    if (!denied(unlink("/tmp/dormouse-never")) || !denied(kill(getppid(), 0)))
        return 6;
    return 0;
}

static int inward(bool files)
{
    char byte;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    if (files ? fd < 0 || read(fd, &byte, 1) != 1 : !denied(fd))
        return 1;
    void *some = malloc(64 << 20);
    void *much = malloc((size_t)DM_CONFINE_MEM);
    if (some == NULL || much != NULL)
        return 2;
    free(some);
    pthread_t t;
    if (files && (pthread_create(&t, NULL, nothing, NULL) != 0 || pthread_join(t, NULL) != 0))
        return 3;
    return 0;
}

static void nothing_leads_out(void **state)
{
    (void)state;
    assert_int_equal(in_child(true, outward), 0);
    assert_int_equal(in_child(false, outward), 0);
}

static void what_a_computation_needs_is_left(void **state)
{
    (void)state;
    assert_int_equal(in_child(true, inward), 0);
    assert_int_equal(in_child(false, inward), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(nothing_leads_out),
            cmocka_unit_test(what_a_computation_needs_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
