#include "tests/support/vmmrig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"

enum { RIG_SECONDS = 10 };

void rig_connect(rig *g)
{
    int ends[2];
    dm_fd_closep(&g->ours);
    dm_fd_closep(&g->peer);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    g->ours = ends[0];
    g->peer = ends[1];
}

int rig_open(void **state)
{
    rig *g = calloc(1, sizeof(*g));
    assert_non_null(g);
    assert_int_equal(dm_loop_new(&dm_clock_real, &g->loop, NULL), 0);
    g->ours = g->peer = -1;
    rig_connect(g);
    (void)snprintf(g->dir, sizeof(g->dir), "/tmp/dm-vmm-test-XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    *state = g;
    return 0;
}

int rig_close(void **state)
{
    rig *g = *state;
    dm_loop_free(g->loop);
    dm_fd_closep(&g->ours);
    dm_fd_closep(&g->peer);
    assert_int_equal(dm_remove_tree(g->dir, NULL), 0);
    free(g);
    return 0;
}

void rig_until(rig *g, const unsigned *flag, unsigned n)
{
    int64_t end = dm_mono_us(&dm_clock_real) + (int64_t)RIG_SECONDS * 1000000;
    while (*flag < n && dm_mono_us(&dm_clock_real) < end)
        assert_int_equal(dm_loop_once(g->loop, 10000, NULL), 0);
    assert_true(*flag >= n);
}

void rig_pump(rig *g, int64_t us)
{
    int64_t end = dm_mono_us(&dm_clock_real) + us;
    while (dm_mono_us(&dm_clock_real) < end)
        assert_int_equal(dm_loop_once(g->loop, 1000, NULL), 0);
}

void rig_say(rig *g, const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(g->peer, text, n, MSG_NOSIGNAL), n);
}

void rig_hear(rig *g, char *out, size_t room)
{
    int64_t end = dm_mono_us(&dm_clock_real) + (int64_t)RIG_SECONDS * 1000000;
    size_t n = 0;
    while (dm_mono_us(&dm_clock_real) < end && n < room - 1) {
        ssize_t got = recv(g->peer, out + n, 1, MSG_DONTWAIT);
        if (got == 1 && out[n] == '\n')
            break;
        if (got == 1)
            n++;
        else
            assert_int_equal(dm_loop_once(g->loop, 1000, NULL), 0);
    }
    out[n] = '\0';
}

unsigned rig_fds(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

const char *rig_path(const rig *g, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%s", g->dir, name);
    return out;
}
