#include "base/file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum {
    READ_STEP = 16384,
    TREE_DEPTH = 200, /* one descriptor a level: below the usual limit of 1024, with room for the rest of us */
    TREE_PASSES = 8,  /* over one folder, while something goes on appearing in it */
};

/* --- bytes -------------------------------------------------------------------------------------------------- */

int dm_write_all(int fd, const void *p, size_t n, dm_err *err)
{
    const char *at = p;
    while (n > 0) {
        ssize_t w = write(fd, at, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return dm_fail_sys(err, w < 0 ? errno : EIO, "write");
        at += w;
        n -= (size_t)w;
    }
    return 0;
}

int dm_pwrite_all(int fd, const void *p, size_t n, off_t at, dm_err *err)
{
    const char *from = p;
    while (n > 0) {
        ssize_t w = pwrite(fd, from, n, at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return dm_fail_sys(err, w < 0 ? errno : EIO, "pwrite");
        from += w;
        at += w;
        n -= (size_t)w;
    }
    return 0;
}

int dm_pread_all(int fd, void *p, size_t n, off_t at, size_t *out, dm_err *err)
{
    char *to = p;
    size_t have = 0;
    while (have < n) {
        ssize_t r = pread(fd, to + have, n - have, at + (off_t)have);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return dm_fail_sys(err, errno, "pread");
        if (r == 0)
            break;
        have += (size_t)r;
    }
    *out = have;
    return 0;
}

static int read_whole(int fd, const char *path, dm_buf *b, dm_err *err)
{
    for (;;) {
        /* At the cap one byte more is asked for, to tell a file that just fits from one that does not. */
        char extra;
        size_t left = b->cap - b->len;
        size_t step = left < READ_STEP ? left : READ_STEP;
        char *to = left > 0 ? dm_buf_want(b, step) : &extra;
        if (to == NULL) {
            int r = dm_buf_ok(b, err);
            dm_buf_reset(b);
            return r;
        }
        ssize_t n = read(fd, to, left > 0 ? step : 1);
        if (n == 0)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 || left == 0) {
            int sys = errno;
            dm_buf_reset(b);
            return n < 0 ? dm_fail_sys(err, sys, "read %s", path)
                         : dm_fail(err, DM_E_LIMIT, "%s has more than %zu bytes", path, b->cap);
        }
        dm_buf_grew(b, (size_t)n);
    }
}

static int open_for_read(const char *path, dm_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : dm_fail_sys(err, errno, "%s", path);
}

int dm_file_read(const char *path, dm_buf *b, dm_err *err)
{
    dm_buf_reset(b);
    DM_AUTO_FD fd = open_for_read(path, err);
    return fd < 0 ? fd : read_whole(fd, path, b, err);
}

int dm_file_read_plain(const char *path, dm_buf *b, dm_err *err)
{
    struct stat st;
    dm_buf_reset(b);
    DM_AUTO_FD fd = dm_open_plain(path, O_RDONLY | O_NONBLOCK, 0, err);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return dm_fail(err, DM_E_INVALID, "%s is no file", path);
    return read_whole(fd, path, b, err);
}

/* --- whole or not there ------------------------------------------------------------------------------------- */

/* The folder path stands in: "." for a bare name. */
static int folder_of(const char *path, char out[PATH_MAX], dm_err *err)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return dm_str_to_array(DM_STR("."), out, PATH_MAX, err);
    size_t n = slash == path ? 1 : (size_t)(slash - path);
    return dm_str_to_array((dm_str){path, n}, out, PATH_MAX, err);
}

int dm_open_beneath(const char *dir, const char *name, int flags, mode_t mode, dm_err *err)
{
    bool makes = (flags & O_CREAT) != 0;
    const struct open_how how = {
            .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW | (makes ? O_EXCL : 0)),
            .mode = makes ? mode : 0,
            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    DM_AUTO_FD at = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0)
        return dm_fail_sys(err, errno, "open %s", dir);
    int fd = (int)syscall(SYS_openat2, at, name, &how, sizeof(how));
    return fd >= 0 ? fd : dm_fail_sys(err, errno, "%s %s/%s", makes ? "create" : "open", dir, name);
}

int dm_open_plain(const char *path, int flags, mode_t mode, dm_err *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    int r = folder_of(path, folder, err);
    return r < 0 ? r : dm_open_beneath(folder, slash != NULL ? slash + 1 : path, flags, mode, err);
}

int dm_sync_dir(const char *path, dm_err *err)
{
    DM_AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return dm_fail_sys(err, errno, "sync %s", path);
    return 0;
}

/* Opens a file of its own name beside path: two writers of one path must not meet in it. */
static int open_aside(const char *path, char aside[PATH_MAX], dm_err *err)
{
    const char *slash = strrchr(path, '/');
    int before = slash != NULL ? (int)(slash - path) + 1 : 0;
    const char *name = slash != NULL ? slash + 1 : path;
    int r = dm_path(aside, PATH_MAX, err, "%.*s.%s.XXXXXX", before, path, name);
    if (r < 0)
        return r;
    int fd = mkostemp(aside, O_CLOEXEC);
    return fd >= 0 ? fd : dm_fail_sys(err, errno, "write beside %s", path);
}

static int fill(int fd, dm_str bytes, mode_t mode, dm_err *err)
{
    int r = dm_write_all(fd, bytes.p, bytes.n, err);
    if (r < 0)
        return r;
    if (fchmod(fd, mode) < 0)
        return dm_fail_sys(err, errno, "chmod");
    /* Before the name is there: a rename may reach the disk ahead of the bytes. */
    if (fsync(fd) < 0)
        return dm_fail_sys(err, errno, "fsync");
    return 0;
}

typedef int (*publish_fn)(const char *aside, const char *path);

static int write_aside(const char *path, dm_str bytes, mode_t mode, publish_fn publish, dm_err *err)
{
    char folder[PATH_MAX];
    char aside[PATH_MAX];
    int r = folder_of(path, folder, err);
    if (r < 0)
        return r;
    DM_AUTO_FD fd = open_aside(path, aside, err);
    if (fd < 0)
        return fd;
    r = fill(fd, bytes, mode, err);
    if (r < 0) {
        (void)unlink(aside);
        (void)dm_wrap(err, "%s", path);
        return r;
    }
    if (publish(aside, path) < 0) {
        int sys = errno;
        (void)unlink(aside);
        return dm_fail_sys(err, sys, "%s", path);
    }
    return dm_sync_dir(folder, err);
}

static int publish_over(const char *aside, const char *path)
{
    return rename(aside, path);
}

static int publish_new(const char *aside, const char *path)
{
    if (link(aside, path) < 0)
        return -1;
    (void)unlink(aside);
    return 0;
}

int dm_file_write(const char *path, dm_str bytes, mode_t mode, dm_err *err)
{
    return write_aside(path, bytes, mode, publish_over, err);
}

int dm_file_write_new(const char *path, dm_str bytes, mode_t mode, dm_err *err)
{
    return write_aside(path, bytes, mode, publish_new, err);
}

/* --- folders ------------------------------------------------------------------------------------------------ */

int dm_mkdir_p(const char *path, mode_t mode, dm_err *err)
{
    char p[PATH_MAX];
    int r = dm_str_to_array(dm_str_c(path), p, sizeof(p), err);
    if (r < 0)
        return r;
    if (p[0] == '\0')
        return dm_fail(err, DM_E_INVALID, "an empty path");
    for (char *at = p + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char was = *at;
        *at = '\0';
        if (mkdir(p, mode) < 0 && errno != EEXIST)
            return dm_fail_sys(err, errno, "mkdir %s", p);
        *at = was;
        if (was == '\0')
            break;
    }
    struct stat st;
    if (stat(p, &st) < 0)
        return dm_fail_sys(err, errno, "%s", p);
    if (!S_ISDIR(st.st_mode))
        return dm_fail_sys(err, ENOTDIR, "%s", p);
    return 0;
}

/* A folder named name in at, never through a link and never across a mount: a folder of somebody else's bound in here
 * must not be emptied. */
static int open_folder(int at, const char *name)
{
    struct open_how how = {
            .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
            .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH,
    };
    return (int)syscall(SYS_openat2, at, name, &how, sizeof(how));
}

static int empty_folder(int *fd, unsigned depth, dm_err *err);

/* Removes one entry. One that is gone already is fine. */
static int remove_entry(int at, const char *name, unsigned depth, dm_err *err)
{
    if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return dm_fail_sys(err, errno, "remove %s", name);
    if (depth >= TREE_DEPTH)
        return dm_fail(err, DM_E_LIMIT, "more than %d folders deep", TREE_DEPTH);
    DM_AUTO_FD fd = open_folder(at, name);
    if (fd < 0)
        return errno == ENOENT ? 0 : dm_fail_sys(err, errno, "open %s", name);
    for (int pass = 0;; pass++) {
        int r = empty_folder(&fd, depth + 1, err);
        if (r < 0)
            return r;
        if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        /* Somebody still writes here, or the file system's listing skipped a name while others went. */
        if ((errno != ENOTEMPTY && errno != EEXIST) || pass >= TREE_PASSES)
            return dm_fail_sys(err, errno, "rmdir %s", name);
        fd = open_folder(at, name);
        if (fd < 0)
            return errno == ENOENT ? 0 : dm_fail_sys(err, errno, "open %s", name);
    }
}

static void dir_closep(DIR **d)
{
    if (*d != NULL)
        (void)closedir(*d);
}

/* Takes *fd over. */
static int empty_folder(int *fd, unsigned depth, dm_err *err)
{
    __attribute__((cleanup(dir_closep))) DIR *dir = fdopendir(*fd);
    if (dir == NULL)
        return dm_fail_sys(err, errno, "opendir");
    *fd = -1;
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (e == NULL)
            return errno == 0 ? 0 : dm_fail_sys(err, errno, "readdir");
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        int r = remove_entry(dirfd(dir), e->d_name, depth, err);
        if (r < 0)
            return r;
    }
}

int dm_remove_tree(const char *path, dm_err *err)
{
    char p[PATH_MAX];
    char folder[PATH_MAX];
    dm_str trimmed = dm_str_c(path);
    while (trimmed.n > 1 && trimmed.p[trimmed.n - 1] == '/')
        trimmed.n--;
    int r = dm_str_to_array(trimmed, p, sizeof(p), err);
    if (r == 0)
        r = folder_of(p, folder, err);
    if (r < 0)
        return r;
    const char *slash = strrchr(p, '/');
    const char *name = slash != NULL ? slash + 1 : p;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return dm_fail(err, DM_E_INVALID, "will not remove \"%s\"", path);
    DM_AUTO_FD at = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at < 0)
        return errno == ENOENT ? 0 : dm_fail_sys(err, errno, "%s", folder);
    r = remove_entry(at, name, 0, err);
    if (r < 0)
        (void)dm_wrap(err, "remove %s", p);
    return r;
}

/* --- paths -------------------------------------------------------------------------------------------------- */

int dm_path(char *out, size_t cap, dm_err *err, const char *fmt, ...)
{
    assert(cap > 0);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(out, cap, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < cap)
        return 0;
    out[0] = '\0';
    return dm_fail(err, DM_E_LIMIT, "a path longer than %zu bytes", cap - 1);
}
