#include "metering/export/data/sink.h"

#include <errno.h>
#include <unistd.h>

#include "base/file.h"

enum { PIECE = 256 << 10 };

struct dm_sink {
    int fd;
    uint64_t most, at;
    size_t n;
    dm_sha256_sum *sum;
    char piece[PIECE];
};

int dm_sink_new(int fd, uint64_t most, dm_sink **out, dm_err *err)
{
    DM_AUTO(dm_sink) s = calloc(1, sizeof *s);
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "a file");
    s->fd = fd;
    s->most = most;
    int r = dm_sha256_sum_new(&s->sum, err);
    if (r == 0)
        *out = dm_steal(&s);
    return r;
}

void dm_sink_free(dm_sink *s)
{
    if (s == NULL)
        return;
    dm_sha256_sum_free(s->sum);
    free(s);
}

static int flush(dm_sink *s, dm_err *err)
{
    int r = dm_sha256_sum_add(s->sum, (dm_str){s->piece, s->n}, err);
    if (r == 0)
        r = dm_write_all(s->fd, s->piece, s->n, err);
    s->n = 0;
    return r;
}

int dm_sink_add(dm_sink *s, dm_str bytes, dm_err *err)
{
    int r = 0;
    if (bytes.n > s->most - s->at)
        return dm_fail(err, DM_E_LIMIT, "a file has at most %llu MiB", (unsigned long long)(s->most >> 20));
    s->at += bytes.n;
    while (r == 0 && bytes.n > 0) {
        size_t room = sizeof s->piece - s->n, n = bytes.n < room ? bytes.n : room;
        memcpy(s->piece + s->n, bytes.p, n);
        s->n += n;
        bytes = (dm_str){bytes.p + n, bytes.n - n};
        if (s->n == sizeof s->piece)
            r = flush(s, err);
    }
    return r;
}

uint64_t dm_sink_at(const dm_sink *s)
{
    return s->at;
}

int dm_sink_end(dm_sink *s, uint64_t *bytes, dm_digest *digest, dm_err *err)
{
    int r = flush(s, err);
    if (r == 0)
        r = dm_sha256_sum_end(s->sum, digest, err);
    if (r == 0 && fsync(s->fd) < 0)
        r = dm_fail_sys(err, errno, "fsync");
    if (r == 0)
        *bytes = s->at;
    return r;
}
