#include "workers/vmm/qemu/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/file.h"

static int open_dir(const char *dir, dm_err *err)
{
    int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 ? fd : dm_fail_sys(err, errno, "open %s", dir);
}

/* An address that begins at an open file: name in a folder, or "" for the file itself. */
static int address_of(int fd, const char *name, struct sockaddr_un *out, dm_err *err)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    return dm_path(
            out->sun_path, sizeof(out->sun_path), err, "/proc/self/fd/%d%s%s", fd, *name != '\0' ? "/" : "", name);
}

int dm_qemu_listen(const char *dir, const char *name, int *out, dm_err *err)
{
    struct sockaddr_un address;
    DM_AUTO_FD at = open_dir(dir, err);
    if (at < 0)
        return at;
    int r = address_of(at, name, &address, err);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)unlinkat(at, name, 0);
    /* The mode before the name: what is bound has it from birth. */
    if (fd < 0 || fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(fd, 4) < 0)
        return dm_fail_sys(err, errno, "listen on %s/%s", dir, name);
    *out = dm_steal_fd(&fd);
    return 0;
}

int dm_qemu_dial(const char *dir, const char *name, int *out, dm_err *err)
{
    struct sockaddr_un address;
    DM_AUTO_FD file = dm_open_beneath(dir, name, O_PATH, 0, err);
    if (file < 0)
        return dm_fail(err, DM_E_UNAVAILABLE, "nobody listens on %s/%s", dir, name);
    int r = address_of(file, "", &address, err);
    if (r < 0)
        return r;
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
