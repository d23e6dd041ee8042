#include "workers/host/machine/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#include "workers/vmm/sparse.h"

enum { UNIT = 16 * 1024 * 1024, STAT_BLOCK = 512 };

int dm_disk_blank(const char *like, const char *to, dm_err *err)
{
    struct stat st;
    if (stat(like, &st) < 0)
        return dm_fail_sys(err, errno, "stat %s", like);
    DM_AUTO_FD fd = dm_open_plain(to, O_WRONLY | O_CREAT, 0600, err);
    if (fd < 0)
        return fd;
    return ftruncate(fd, st.st_size) == 0 ? 0 : dm_fail_sys(err, errno, "set the size of %s", to);
}

int dm_disk_fill(const char *from, const char *to, dm_err *err)
{
    return dm_sparse_copy_over(from, to, err);
}

int dm_disk_units(const char *path, uint32_t *out, dm_err *err)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return dm_fail_sys(err, errno, "stat %s", path);
    uint64_t units = ((uint64_t)st.st_blocks * STAT_BLOCK + UNIT - 1) / UNIT;
    if (units > UINT32_MAX)
        return dm_fail(err, DM_E_LIMIT, "%s is larger than can be counted", path);
    *out = (uint32_t)units;
    return 0;
}

int dm_disk_folder_mib(const char *dir, int64_t *out, dm_err *err)
{
    enum { MIB = 1024 * 1024 };
    uint64_t blocks = 0;
    DIR *d = opendir(dir);
    if (d == NULL)
        return dm_fail_sys(err, errno, "open %s", dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat st;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            blocks += (uint64_t)st.st_blocks;
    }
    (void)closedir(d);
    *out = (int64_t)((blocks * STAT_BLOCK + MIB - 1) / MIB);
    return 0;
}
