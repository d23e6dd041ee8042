#include "workers/guest/process/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

int dm_pty_resize(int fd, const dm_m_size *size, dm_err *err)
{
    struct winsize ws = {
            .ws_row = size->rows <= UINT16_MAX ? (unsigned short)size->rows : UINT16_MAX,
            .ws_col = size->cols <= UINT16_MAX ? (unsigned short)size->cols : UINT16_MAX,
    };
    if (ioctl(fd, TIOCSWINSZ, &ws) != 0)
        return dm_fail_sys(err, errno, "resize the terminal");
    return 0;
}

int dm_pty_open(const dm_m_pty *pty, const dm_user *user, int child[3], int *in, int *out, dm_err *err)
{
    int unlock = 0;
    *out = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (*out < 0 || ioctl(*out, TIOCSPTLCK, &unlock) != 0)
        return dm_fail_sys(err, errno, "open a terminal");
    /* By the descriptor, not by a name under /dev/pts, which the sandbox's root may have mounted over. */
    child[0] = ioctl(*out, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (child[0] < 0)
        return dm_fail_sys(err, errno, "open a terminal");
    /* The group stays the one devpts gives (tty). */
    if (fchown(child[0], user->uid, (gid_t)-1) != 0 && errno != EPERM)
        return dm_fail_sys(err, errno, "own the terminal");
    if (pty->has_size) {
        int r = dm_pty_resize(child[0], &pty->size, err);
        if (r < 0)
            return r;
    }
    child[1] = fcntl(child[0], F_DUPFD_CLOEXEC, 3);
    child[2] = fcntl(child[0], F_DUPFD_CLOEXEC, 3);
    *in = fcntl(*out, F_DUPFD_CLOEXEC, 3);
    if (child[1] < 0 || child[2] < 0 || *in < 0)
        return dm_fail_sys(err, errno, "open a terminal");
    return 0;
}
