#include "api/kit/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"

#include "api/kit/answer.h"

static bool digits(dm_str s, uint64_t *out)
{
    return dm_str_only(s, "0123456789") && dm_parse_u64(s, 0, UINT64_MAX, out, NULL) == 0;
}

/* "-500": the last 500 bytes. */
static dm_range last_bytes(dm_str count, uint64_t size, uint64_t *at, uint64_t *n)
{
    uint64_t last;
    if (!digits(count, &last))
        return DM_RANGE_ALL;
    if (last == 0 || size == 0)
        return DM_RANGE_NONE;
    *n = last < size ? last : size;
    *at = size - *n;
    return DM_RANGE_PART;
}

dm_range dm_range_read(dm_str header, uint64_t size, uint64_t *at, uint64_t *n)
{
    static const dm_str unit = DM_STR_INIT("bytes=");
    uint64_t from, to = UINT64_MAX;
    if (!dm_str_starts(header, unit) || memchr(header.p, ',', header.n) != NULL)
        return DM_RANGE_ALL;
    dm_str spec = dm_str_trim((dm_str){header.p + unit.n, header.n - unit.n});
    const char *dash = memchr(spec.p, '-', spec.n);
    if (dash == NULL)
        return DM_RANGE_ALL;
    dm_str first = {spec.p, (size_t)(dash - spec.p)}, second = {dash + 1, spec.n - first.n - 1};
    if (first.n == 0)
        return last_bytes(second, size, at, n);
    if (!digits(first, &from) || (second.n > 0 && (!digits(second, &to) || to < from)))
        return DM_RANGE_ALL;
    if (from >= size)
        return DM_RANGE_NONE;
    *at = from;
    *n = to < size - 1 ? to - from + 1 : size - from;
    return DM_RANGE_PART;
}

/* A tag of ours, in quotes, among those that a header has; "*" is any. */
static bool names(dm_str header, dm_str quoted)
{
    dm_str one;
    while (dm_str_split(&header, ',', &one))
        if (dm_str_eq(dm_str_trim(one), quoted) || dm_str_eq_c(dm_str_trim(one), "*"))
            return true;
    return false;
}

static void describe(dm_req *req, const dm_file_answer *f, const char *tag)
{
    char name[200];
    (void)snprintf(name, sizeof name, "attachment; filename=\"%s\"", f->name);
    dm_hint(&req->reply, "Content-Disposition", dm_str_c(name));
    dm_hint(&req->reply, "ETag", dm_str_c(tag));
    dm_hint(&req->reply, "Accept-Ranges", DM_STR("bytes"));
    dm_hint(&req->reply, "Cache-Control", DM_STR("private, no-cache, no-transform"));
    dm_hint(&req->reply, "X-Content-Type-Options", DM_STR("nosniff"));
    dm_hint(&req->reply, "X-Accel-Buffering", DM_STR("no"));
}

static int hand_over(dm_req *req, const dm_file_answer *f, const char *tag, int fd, uint64_t size)
{
    dm_str range = dm_req_header(req, "Range"), of = dm_req_header(req, "If-Range");
    char text[80];
    uint64_t at = 0, n = size;
    dm_range is = range.p == NULL || (of.p != NULL && !dm_str_eq_c(of, tag)) ? DM_RANGE_ALL
                                                                             : dm_range_read(range, size, &at, &n);
    if (is == DM_RANGE_NONE) {
        (void)close(fd);
        (void)snprintf(text, sizeof text, "bytes */%llu", (unsigned long long)size);
        dm_hint(&req->reply, "Content-Range", dm_str_c(text));
        return DM_FILE_RANGE;
    }
    dm_reply_file(&req->reply, is == DM_RANGE_PART ? 206 : 200, f->media, fd, at, n);
    describe(req, f, tag);
    if (is == DM_RANGE_PART) {
        (void)snprintf(text, sizeof text, "bytes %llu-%llu/%llu", (unsigned long long)at,
                (unsigned long long)(at + n - 1), (unsigned long long)size);
        dm_hint(&req->reply, "Content-Range", dm_str_c(text));
    }
    return 0;
}

int dm_file_answer_it(dm_req *req, const dm_file_answer *f, dm_err *err)
{
    char tag[80];
    struct stat st;
    (void)snprintf(tag, sizeof tag, "\"%.*s\"", (int)f->tag.n, f->tag.p);
    if (names(dm_req_header(req, "If-None-Match"), dm_str_c(tag))) {
        dm_reply_empty(&req->reply, 304);
        dm_hint(&req->reply, "ETag", dm_str_c(tag));
        return 0;
    }
    DM_AUTO_FD fd = dm_open_beneath(f->folder, f->file, O_RDONLY | O_NONBLOCK, 0, err);
    if (fd == DM_E_NOTFOUND)
        return DM_FILE_GONE;
    if (fd < 0)
        return dm_wrap(err, "a file that is to be handed over");
    if (fstat(fd, &st) < 0)
        return dm_fail_sys(err, errno, "a file that is to be handed over");
    if (!S_ISREG(st.st_mode))
        return dm_fail(err, DM_E_INTERNAL, "what is to be handed over is no file");
    return hand_over(req, f, tag, dm_steal_fd(&fd), (uint64_t)st.st_size);
}
