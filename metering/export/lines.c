#include "metering/export/lines.h"

#include <errno.h>
#include <unistd.h>

enum { STEP = 64 << 10 };

void dm_lines_init(dm_lines *l, int fd, size_t max)
{
    *l = (dm_lines){.fd = fd};
    dm_buf_init(&l->b, max + 1 + STEP); /* its end, and room to read into */
}

void dm_lines_done(dm_lines *l)
{
    dm_buf_done(&l->b);
}

static int read_more(dm_lines *l, dm_err *err)
{
    char *to = dm_buf_want(&l->b, STEP);
    if (to == NULL)
        return dm_fail(err, DM_E_LIMIT, "a line of it has at most %zu MiB", l->b.cap >> 20);
    ssize_t n = read(l->fd, to, STEP);
    if (n < 0 && errno != EINTR)
        return dm_fail_sys(err, errno, "read");
    l->end = n == 0;
    if (n > 0)
        dm_buf_grew(&l->b, (size_t)n);
    return 0;
}

int dm_lines_next(dm_lines *l, dm_str *out, dm_err *err)
{
    dm_buf_eat(&l->b, l->eat);
    l->eat = 0;
    for (size_t seen = 0;;) {
        const char *end = l->b.len > seen ? memchr(l->b.p + seen, '\n', l->b.len - seen) : NULL;
        if (end == NULL && !l->end) {
            seen = l->b.len;
            int r = read_more(l, err);
            if (r < 0)
                return r;
            continue;
        }
        if (end == NULL && l->b.len == 0)
            return DM_LINES_END;
        out->p = l->b.p;
        out->n = end != NULL ? (size_t)(end - l->b.p) : l->b.len;
        l->eat = out->n + (end != NULL);
        return 0;
    }
}
