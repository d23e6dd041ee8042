#include "workers/host/live.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <unistd.h>

#include "base/file.h"

static int path_of(const char *dir, const dm_box *b, char out[PATH_MAX], dm_err *err)
{
    return dm_path(
            out, PATH_MAX, err, "%s/%s.%" PRId64 ".%s", dir, b->name.s, b->epoch, dm_machine_address(b->machine));
}

int dm_live_make(const char *dir, const dm_box *b, dm_err *err)
{
    char path[PATH_MAX];
    if (b->machine == NULL)
        return 0;
    int r = path_of(dir, b, path, err);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    return fd >= 0 ? 0 : dm_fail_sys(err, errno, "make %s", path);
}

int dm_live_remove(const char *dir, const dm_box *b, dm_err *err)
{
    char path[PATH_MAX];
    if (b->machine == NULL)
        return 0;
    int r = path_of(dir, b, path, err);
    if (r < 0)
        return r;
    return unlink(path) == 0 || errno == ENOENT ? 0 : dm_fail_sys(err, errno, "remove %s", path);
}
