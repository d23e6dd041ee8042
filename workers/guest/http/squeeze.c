#include "workers/guest/http/squeeze.h"

#include <zlib.h>

enum { GZIP_ONLY = 16 + MAX_WBITS, PLAIN_PIECE = 64 * 1024, LEVEL = 3 };

struct dm_gunzip {
    z_stream z;
    bool started; /* a header was accepted */
    bool whole;
    Bytef out[PLAIN_PIECE];
};

struct dm_gzip {
    z_stream z;
};

/* zlib's input pointer is not const in this version of its header; it is only read. */
static Bytef *input(dm_str in)
{
    union {
        const char *from;
        Bytef *to;
    } u = {.from = in.p};
    return u.to;
}

int dm_gunzip_new(dm_gunzip **out, dm_err *err)
{
    dm_gunzip *z = calloc(1, sizeof(*z));
    if (z == NULL || inflateInit2(&z->z, GZIP_ONLY) != Z_OK) {
        free(z);
        return dm_fail(err, DM_E_NOMEM, "gzip");
    }
    *out = z;
    return 0;
}

void dm_gunzip_free(dm_gunzip *z)
{
    if (z == NULL)
        return;
    (void)inflateEnd(&z->z);
    free(z);
}

int dm_gunzip_feed(dm_gunzip *z, dm_str in, dm_gunzip_sink sink, void *arg, dm_err *err)
{
    /* At most 16 MiB at a time by our callers, so the cast keeps the value. */
    z->z.next_in = input(in);
    z->z.avail_in = (uInt)in.n;
    do {
        if (z->whole) {
            if (z->z.avail_in == 0)
                return 0;
            /* gzip files may be strung together */
            z->whole = false;
            if (inflateReset(&z->z) != Z_OK)
                return dm_fail(err, DM_E_CORRUPT, "gzip: broken data");
        }
        z->z.next_out = z->out;
        z->z.avail_out = PLAIN_PIECE;
        int r = inflate(&z->z, Z_NO_FLUSH);
        if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
            return dm_fail(err, z->started ? DM_E_CORRUPT : DM_E_INVALID, "gzip: %s",
                    z->started ? "broken data" : "invalid header");
        size_t n = PLAIN_PIECE - z->z.avail_out;
        z->started = z->started || n > 0 || r == Z_STREAM_END;
        z->whole = r == Z_STREAM_END;
        int s = n == 0 ? 0 : sink(arg, (dm_str){(const char *)z->out, n}, err);
        if (s < 0)
            return s;
        if (r == Z_BUF_ERROR && n == 0)
            return 0;
    } while (z->z.avail_in > 0 || z->z.avail_out == 0);
    return 0;
}

bool dm_gunzip_whole(const dm_gunzip *z)
{
    return z->whole;
}

static int append(void *arg, dm_str plain, dm_err *err)
{
    dm_buf *b = arg;
    return dm_buf_str(b, plain) == 0 ? 0 : dm_buf_ok(b, err);
}

int dm_gunzip_all(dm_str in, dm_buf *b, dm_err *err)
{
    DM_AUTO(dm_gunzip) z = NULL;
    int r = dm_gunzip_new(&z, err);
    if (r == 0)
        r = dm_gunzip_feed(z, in, append, b, err);
    if (r == 0 && !z->whole)
        r = dm_fail(err, DM_E_CORRUPT, "gzip: cut short");
    return r;
}

int dm_gzip_new(dm_gzip **out, dm_err *err)
{
    dm_gzip *z = calloc(1, sizeof(*z));
    if (z == NULL || deflateInit2(&z->z, LEVEL, Z_DEFLATED, GZIP_ONLY, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(z);
        return dm_fail(err, DM_E_NOMEM, "gzip");
    }
    *out = z;
    return 0;
}

void dm_gzip_free(dm_gzip *z)
{
    if (z == NULL)
        return;
    (void)deflateEnd(&z->z);
    free(z);
}

int dm_gzip_feed(dm_gzip *z, dm_str plain, bool last, dm_buf *b, dm_err *err)
{
    z->z.next_in = input(plain);
    z->z.avail_in = (uInt)plain.n;
    do {
        char *out = dm_buf_want(b, PLAIN_PIECE);
        if (out == NULL)
            return dm_buf_ok(b, err);
        z->z.next_out = (Bytef *)out;
        z->z.avail_out = PLAIN_PIECE;
        if (deflate(&z->z, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
            return dm_fail(err, DM_E_INTERNAL, "gzip");
        dm_buf_grew(b, PLAIN_PIECE - z->z.avail_out);
    } while (z->z.avail_out == 0);
    return 0;
}
