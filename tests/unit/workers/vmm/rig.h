/* tests/unit/workers/vmm/rig.h: a loop that is pumped until something is so, a pair of sockets with one end in the
 * hands of the test, and a folder of the test's own. */
#ifndef DM_TESTS_UNIT_WORKERS_VMM_RIG_H
#define DM_TESTS_UNIT_WORKERS_VMM_RIG_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/loop.h"

#include "tests/unit/test.h"

enum { RIG_SECONDS = 10 };

typedef struct rig {
    dm_loop *loop;
    int peer; /* the other end of the socket */
    int ours; /* until it is given away */
    char dir[64];
} rig;

/* A fresh pair of sockets; what is left of the one before is closed. */
static inline void rig_connect(rig *g)
{
    int ends[2];
    dm_fd_closep(&g->ours);
    dm_fd_closep(&g->peer);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    g->ours = ends[0];
    g->peer = ends[1];
}

static inline int rig_open(void **state)
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

static inline int rig_close(void **state)
{
    rig *g = *state;
    dm_loop_free(g->loop);
    dm_fd_closep(&g->ours);
    dm_fd_closep(&g->peer);
    assert_int_equal(dm_remove_tree(g->dir, NULL), 0);
    free(g);
    return 0;
}

/* Until *flag is at least n, or the test has failed. */
static inline void rig_until(rig *g, const unsigned *flag, unsigned n)
{
    int64_t end = dm_mono_us(&dm_clock_real) + (int64_t)RIG_SECONDS * 1000000;
    while (*flag < n && dm_mono_us(&dm_clock_real) < end)
        assert_int_equal(dm_loop_once(g->loop, 10000, NULL), 0);
    assert_true(*flag >= n);
}

static inline void rig_pump(rig *g, int64_t us)
{
    int64_t end = dm_mono_us(&dm_clock_real) + us;
    while (dm_mono_us(&dm_clock_real) < end)
        assert_int_equal(dm_loop_once(g->loop, 1000, NULL), 0);
}

static inline void rig_say(rig *g, const char *text)
{
    size_t n = strlen(text);
    assert_int_equal(send(g->peer, text, n, MSG_NOSIGNAL), n);
}

/* What came, up to a newline; the loop runs meanwhile. */
static inline void rig_hear(rig *g, char *out, size_t room)
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

static inline unsigned rig_fds(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

static inline const char *rig_path(const rig *g, const char *name, char out[128])
{
    (void)snprintf(out, 128, "%s/%s", g->dir, name);
    return out;
}

#endif
