#include "workers/vmm/sparse.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/file.h"

enum { PAGE = 4096, STEP = 1024 * 1024, AHEAD = 8 * STEP };

/* What a guest has written are hundreds of runs, most of them a page or two. Out of a cold cache each would be waited
 * for by itself, and the kernel's own reading ahead ends where a run does. So the next ones are asked for while one is
 * worked on: a sleeper's memory of 2.4 MiB in 324 runs is there in 4 ms and not in 28 (measured). */
struct ahead {
    int fd;
    off_t at;       /* up to here it was asked for */
    uint64_t bytes; /* so much of it has not been handed out */
    bool ended;
};

/* Of a run that is longer than AHEAD its beginning is enough: within one the kernel reads ahead. */
static uint64_t asked_of(uint64_t length)
{
    return length < AHEAD ? length : AHEAD;
}

static void ask(struct ahead *a)
{
    while (!a->ended && a->bytes < AHEAD) {
        off_t data = lseek(a->fd, a->at, SEEK_DATA), hole = data < 0 ? -1 : lseek(a->fd, data, SEEK_HOLE);
        if (hole <= data) { /* the end, or a failure that dm_sparse_each meets when it comes there */
            a->ended = true;
            return;
        }
        uint64_t n = asked_of((uint64_t)(hole - data));
        (void)posix_fadvise(a->fd, data, (off_t)n, POSIX_FADV_WILLNEED);
        a->bytes += n;
        a->at = hole;
    }
}

int dm_sparse_each(int fd, dm_sparse_fn fn, void *arg, dm_err *err)
{
    struct ahead ahead = {.fd = fd};
    off_t at = 0;
    for (;;) {
        off_t data = lseek(fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return 0; /* nothing but a hole up to the end */
        off_t hole = data < 0 ? -1 : lseek(fd, data, SEEK_HOLE);
        if (hole < 0)
            return dm_fail_sys(err, errno, "look for holes");
        if (hole <= data) /* the file shrank under us */
            return dm_fail(err, DM_E_CORRUPT, "the file changed while it was read");
        ask(&ahead);
        int r = fn(arg, (uint64_t)data, (uint64_t)(hole - data), err);
        if (r < 0)
            return r;
        uint64_t n = asked_of((uint64_t)(hole - data));
        ahead.bytes -= n < ahead.bytes ? n : ahead.bytes;
        at = hole;
    }
}

struct copy {
    int from, to;
    bool apart;   /* on two file systems, between which copy_file_range does not copy */
    uint8_t *buf; /* STEP bytes, for fill */
};

static ssize_t copy_some(const struct copy *c, off_t *at, size_t length)
{
    off_t out = *at;
    if (!c->apart)
        return copy_file_range(c->from, at, c->to, &out, length, 0);
    return lseek(c->to, out, SEEK_SET) < 0 ? -1 : sendfile(c->to, c->from, at, length);
}

static int copy_run(void *arg, uint64_t at, uint64_t length, dm_err *err)
{
    struct copy *c = arg;
    off_t next = (off_t)at;
    while (length > 0) {
        ssize_t n = copy_some(c, &next, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && !c->apart && (errno == EXDEV || errno == EOPNOTSUPP || errno == ENOSYS)) {
            c->apart = true;
            continue;
        }
        if (n < 0)
            return dm_fail_sys(err, errno, "copy a run of data");
        if (n == 0)
            return dm_fail(err, DM_E_CORRUPT, "the file shrank while it was copied");
        length -= (uint64_t)n;
    }
    return 0;
}

static int copy_into(int from, int to, const char *name, bool sync, dm_err *err)
{
    struct stat st;
    if (fstat(from, &st) < 0)
        return dm_fail_sys(err, errno, "stat the source of %s", name);
    int r = 0;
    if (ioctl(to, FICLONE, from) < 0) {
        /* Any reason to refuse (another file system, no reflinks) leaves the plain way. */
        if (ftruncate(to, st.st_size) < 0)
            return dm_fail_sys(err, errno, "set the size of %s", name);
        r = dm_sparse_each(from, copy_run, &(struct copy){.from = from, .to = to}, err);
    }
    if (r == 0 && fchmod(to, (st.st_mode & 0777) | S_IWUSR) < 0)
        r = dm_fail_sys(err, errno, "set the mode");
    if (r == 0 && sync && fdatasync(to) < 0)
        r = dm_fail_sys(err, errno, "sync");
    return r < 0 ? dm_wrap(err, "%s", name) : 0;
}

int dm_sparse_copy(const char *from, const char *to, bool sync, dm_err *err)
{
    DM_AUTO_FD in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return dm_fail_sys(err, errno, "open %s", from);
    DM_AUTO_FD out = dm_open_plain(to, O_WRONLY | O_CREAT, 0600, err);
    if (out < 0)
        return out;
    int r = copy_into(in, out, to, sync, err);
    if (r < 0)
        (void)unlink(to);
    return r;
}

int dm_sparse_copy_over(const char *from, const char *to, dm_err *err)
{
    struct stat in_st, out_st;
    DM_AUTO_FD in = dm_open_plain(from, O_RDONLY, 0, err);
    if (in < 0)
        return in;
    DM_AUTO_FD out = dm_open_plain(to, O_WRONLY, 0, err);
    if (out < 0)
        return out;
    if (fstat(in, &in_st) < 0 || fstat(out, &out_st) < 0)
        return dm_fail_sys(err, errno, "stat %s", to);
    if (in_st.st_size != out_st.st_size)
        return dm_fail(err, DM_E_CONFLICT, "%s and %s are not of one size", from, to);
    return copy_into(in, out, to, false, err);
}

static bool is_zero(const uint8_t *page)
{
    /* memcmp with itself, one byte on: all bytes equal the first. */
    return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* n bytes, whole pages, but for pages of zeros. */
static int write_pages(int fd, const uint8_t *p, size_t n, off_t at, dm_err *err)
{
    assert(n % PAGE == 0);
    for (size_t i = 0; i < n;) {
        if (is_zero(p + i)) {
            i += PAGE;
            continue;
        }
        size_t end = i + PAGE;
        while (end < n && !is_zero(p + end))
            end += PAGE;
        int r = dm_pwrite_all(fd, p + i, end - i, at + (off_t)i, err);
        if (r < 0)
            return r;
        i = end;
    }
    return 0;
}

static int fill_run(void *arg, uint64_t at, uint64_t length, dm_err *err)
{
    const struct copy *c = arg;
    while (length > 0) {
        size_t want = length < STEP ? (size_t)length : STEP, got;
        int r = dm_pread_all(c->from, c->buf, want, (off_t)at, &got, err);
        if (r < 0)
            return r;
        if (got != want || want % PAGE != 0)
            return dm_fail(err, DM_E_CORRUPT, "the file is not made of whole pages");
        r = write_pages(c->to, c->buf, want, (off_t)at, err);
        if (r < 0)
            return r;
        at += want;
        length -= want;
    }
    return 0;
}

int dm_sparse_fill(int from, int to, dm_err *err)
{
    DM_AUTO_MEM uint8_t *buf = malloc(STEP);
    if (buf == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to copy with");
    return dm_sparse_each(from, fill_run, &(struct copy){.from = from, .to = to, .buf = buf}, err);
}

int dm_sparse_lay(int from, int to, dm_err *err)
{
    return dm_sparse_each(from, copy_run, &(struct copy){.from = from, .to = to}, err);
}
