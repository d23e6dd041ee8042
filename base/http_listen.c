#include "base/http_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { BACKLOG = 1024 };

struct dm_listeners {
    int tcp, local;
    uint16_t port;
    struct sockaddr_un path;
    dev_t dev; /* which file the path was when we made it */
    ino_t ino;
};

static int open_tcp(dm_listeners *l, const char *address, uint16_t port, dm_err *err)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof sin;
    int on = 1;

    if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
        return dm_fail(err, DM_E_INVALID, "listen: %s is no IPv4 address", address);
    l->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->tcp < 0)
        return dm_fail_sys(err, errno, "listen: socket");
    if (setsockopt(l->tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
            bind(l->tcp, (const struct sockaddr *)&sin, sizeof sin) < 0 || listen(l->tcp, BACKLOG) < 0 ||
            getsockname(l->tcp, (struct sockaddr *)&sin, &len) < 0)
        return dm_fail_sys(err, errno, "listen on %s:%u", address, port);
    l->port = ntohs(sin.sin_port);
    return 0;
}

/* Nobody answers on a socket whose process is gone. */
static bool answers(const struct sockaddr_un *sun)
{
    DM_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    return fd >= 0 && (connect(fd, (const struct sockaddr *)sun, sizeof *sun) == 0 || errno == EAGAIN);
}

static int open_path(dm_listeners *l, const char *path, dm_err *err)
{
    struct stat st;
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int r = dm_str_to_array(dm_str_c(path), sun.sun_path, sizeof sun.sun_path, err);

    if (r < 0)
        return dm_wrap(err, "listen on %s", path);
    if (lstat(path, &st) == 0) {
        if (!S_ISSOCK(st.st_mode) || answers(&sun))
            return dm_fail(err, DM_E_EXISTS, "listen on %s: it is in use", path);
        if (unlink(path) < 0)
            return dm_fail_sys(err, errno, "listen on %s: unlink", path);
    }
    l->local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->local < 0)
        return dm_fail_sys(err, errno, "listen: socket");
    /* fchmod before bind gives the file its mode at birth, so it is never open to more than it should be; the umask may
     * take bits away, which chmod puts back. */
    if (fchmod(l->local, 0660) < 0 || bind(l->local, (const struct sockaddr *)&sun, sizeof sun) < 0)
        return dm_fail_sys(err, errno, "listen on %s", path);
    l->path = sun;
    if (chmod(path, 0660) < 0 || lstat(path, &st) < 0 || listen(l->local, BACKLOG) < 0)
        return dm_fail_sys(err, errno, "listen on %s", path);
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

int dm_listeners_new(const char *address, uint16_t port, const char *path, dm_listeners **out, dm_err *err)
{
    DM_AUTO(dm_listeners) l = calloc(1, sizeof *l);
    int r = 0;

    if (l == NULL)
        return dm_fail(err, DM_E_NOMEM, "listen: no memory");
    l->tcp = l->local = -1;
    if (address != NULL)
        r = open_tcp(l, address, port, err);
    if (r == 0 && path != NULL)
        r = open_path(l, path, err);
    if (r < 0)
        return r;
    *out = dm_steal(&l);
    return 0;
}

void dm_listeners_free(dm_listeners *l)
{
    struct stat st;

    if (l == NULL)
        return;
    if (l->path.sun_path[0] != '\0' && lstat(l->path.sun_path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        (void)unlink(l->path.sun_path);
    dm_fd_closep(&l->tcp);
    dm_fd_closep(&l->local);
    free(l);
}

uint16_t dm_listeners_port(const dm_listeners *l)
{
    return l->port;
}

nfds_t dm_listeners_poll(const dm_listeners *l, struct pollfd out[DM_LISTEN_MAX])
{
    nfds_t n = 0;

    if (l->tcp >= 0)
        out[n++] = (struct pollfd){.fd = l->tcp, .events = POLLIN};
    if (l->local >= 0)
        out[n++] = (struct pollfd){.fd = l->local, .events = POLLIN};
    return n;
}

int dm_listeners_accept(int fd, struct sockaddr_storage *addr, socklen_t *len)
{
    *len = sizeof *addr;
    int got = accept4(fd, (struct sockaddr *)addr, len, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (got >= 0)
        return got;
    bool spent = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return spent ? DM_ACCEPT_PAUSE : -1;
}
