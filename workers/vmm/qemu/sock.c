#include "workers/vmm/qemu/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"

static int open_dir(const char *dir, const char *name, struct sockaddr_un *address, dm_err *err)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return dm_fail_sys(err, errno, "open %s", dir);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int r = dm_path(address->sun_path, sizeof(address->sun_path), err, "/proc/self/fd/%d/%s", fd, name);
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

int dm_qemu_listen(const char *dir, const char *name, int *out, dm_err *err)
{
    struct sockaddr_un address;
    DM_AUTO_FD at = open_dir(dir, name, &address, err);
    if (at < 0)
        return at;
    DM_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)unlinkat(at, name, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || fchmodat(at, name, 0600, 0) < 0 ||
            listen(fd, 4) < 0)
        return dm_fail_sys(err, errno, "listen on %s/%s", dir, name);
    *out = dm_steal_fd(&fd);
    return 0;
}

int dm_qemu_dial(const char *dir, const char *name, int *out, dm_err *err)
{
    struct sockaddr_un address;
    DM_AUTO_FD at = open_dir(dir, name, &address, err);
    if (at < 0)
        return at;
    /* Not blocking: a full backlog is EAGAIN. */
    DM_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return dm_fail_sys(err, errno, "make a socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return dm_fail(err, DM_E_UNAVAILABLE, "dial %s/%s: %s", dir, name, strerror(errno));
    *out = dm_steal_fd(&fd);
    return 0;
}

void dm_qemu_quit_stray(const char *dir)
{
    enum { ANSWERS = 8, WAIT_MS = 200 };
    static const char quit[] = "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n";
    DM_AUTO_FD fd = -1;
    if (dm_qemu_dial(dir, DM_QEMU_QMP_SOCK, &fd, NULL) < 0)
        return;
    (void)send(fd, quit, sizeof(quit) - 1, MSG_NOSIGNAL);
    for (int i = 0; i < ANSWERS; i++) {
        char buf[4096];
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, WAIT_MS) <= 0 || recv(fd, buf, sizeof(buf), 0) <= 0)
            return;
    }
}
