#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"

#include "tests/support/vmmrig.h"
#include "workers/vmm/qemu/sock.h"

/* A folder whose path is longer than a socket's address has room for. */
static void in_deep_folders(void **state)
{
    rig *g = *state;
    char deep[512], path[600], byte = 0;
    dm_err err;
    struct stat st;
    int n = snprintf(deep, sizeof(deep), "%s", g->dir);
    for (int i = 0; i < 8; i++)
        n += snprintf(deep + n, sizeof(deep) - (size_t)n, "/a-folder-with-a-long-name");
    assert_int_equal(dm_mkdir_p(deep, 0700, NULL), 0);
    DM_AUTO_FD ours = -1, theirs = -1, again = -1;
    assert_int_equal(dm_qemu_dial(deep, DM_QEMU_QMP_SOCK, &ours, &err), DM_E_UNAVAILABLE);
    assert_int_equal(dm_qemu_listen(deep, DM_QEMU_QMP_SOCK, &theirs, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/" DM_QEMU_QMP_SOCK, deep);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(dm_qemu_dial(deep, DM_QEMU_QMP_SOCK, &ours, NULL), 0);
    DM_AUTO_FD accepted = accept4(theirs, NULL, NULL, SOCK_CLOEXEC);
    assert_int_equal(send(accepted, "x", 1, MSG_NOSIGNAL), 1);
    assert_int_equal(recv(ours, &byte, 1, 0), 1);
    /* One that is left over makes way, and whoever dialled it speaks to nobody. */
    assert_int_equal(dm_qemu_listen(deep, DM_QEMU_QMP_SOCK, &again, NULL), 0);
    dm_fd_closep(&theirs);
    dm_fd_closep(&ours);
    assert_int_equal(dm_qemu_dial(deep, DM_QEMU_QMP_SOCK, &ours, NULL), 0);
    struct pollfd p = {.fd = again, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 1000), 1);
}

/* A link in the place of the socket leads to another's, who would be taken for the VMM. */
static void dials_through_no_link(void **state)
{
    rig *g = *state;
    char other[128], path[160];
    dm_err err;
    DM_AUTO_FD theirs = -1, ours = -1;
    assert_int_equal(mkdir(rig_path(g, "other", other), 0700), 0);
    assert_int_equal(dm_qemu_listen(other, DM_QEMU_QMP_SOCK, &theirs, NULL), 0);
    (void)snprintf(path, sizeof(path), "%s/" DM_QEMU_QMP_SOCK, g->dir);
    assert_int_equal(symlink("other/" DM_QEMU_QMP_SOCK, path), 0);
    assert_int_equal(dm_qemu_dial(g->dir, DM_QEMU_QMP_SOCK, &ours, &err), DM_E_UNAVAILABLE);
    /* To listen is to take its place. */
    DM_AUTO_FD own = -1;
    assert_int_equal(dm_qemu_listen(g->dir, DM_QEMU_QMP_SOCK, &own, NULL), 0);
    assert_int_equal(dm_qemu_dial(g->dir, DM_QEMU_QMP_SOCK, &ours, NULL), 0);
}

static void says_what_is_wrong(void **state)
{
    rig *g = *state;
    char gone[128];
    int fd = -1;
    dm_err err;
    assert_true(dm_qemu_listen(rig_path(g, "no-such-folder", gone), DM_QEMU_QMP_SOCK, &fd, &err) < 0);
    assert_says(err, "no-such-folder");
    assert_true(dm_qemu_dial(gone, DM_QEMU_QMP_SOCK, &fd, &err) < 0);
    assert_int_equal(fd, -1);
    dm_qemu_quit_stray(g->dir); /* nobody there: at once */
}

/* A stray process is told to quit in QMP's own words, and its answers are waited for. */
static void tells_strays_to_quit(void **state)
{
    rig *g = *state;
    char said[256] = "";
    DM_AUTO_FD fd = -1;
    assert_int_equal(dm_qemu_listen(g->dir, DM_QEMU_QMP_SOCK, &fd, NULL), 0);
    dm_qemu_quit_stray(g->dir); /* which does not answer: a fifth of a second */
    DM_AUTO_FD accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    assert_true(recv(accepted, said, sizeof(said) - 1, 0) > 0);
    assert_string_equal(said, "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n");
}

int main(void)
{
#define RIG_TEST(name) cmocka_unit_test_setup_teardown(name, rig_open, rig_close)
    static const struct CMUnitTest tests[] = {RIG_TEST(in_deep_folders), RIG_TEST(dials_through_no_link),
            RIG_TEST(says_what_is_wrong), RIG_TEST(tells_strays_to_quit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
