/* The head of a file in a tar is forty lines of ours (metering/rules/ustar.h) and a library of every archive there ever
 * was elsewhere (libarchive, 1 MiB, which puts owner and time where it is not told otherwise): what is written must be
 * the same bytes for ever, and whoever reads them is to need as little as can be.
 *
 * zstd is fed in blocks of one size, whatever the files' sizes: what comes out of it may depend on how it was fed. */
#include "metering/read/pack.h"

#include <zstd.h>

#include "metering/rules/ustar.h"

enum { FEED = 128 << 10, LEVEL = 3, WINDOW_LOG = 21 };

struct dm_pack {
    ZSTD_CCtx *zstd;
    dm_pack_sink sink;
    void *arg;
    size_t n; /* of in */
    char in[FEED];
    char *out;
    size_t room;
};

void dm_pack_free(dm_pack *p)
{
    if (p == NULL)
        return;
    (void)ZSTD_freeCCtx(p->zstd);
    free(p->out);
    free(p);
}

int dm_pack_new(dm_pack_sink sink, void *arg, dm_pack **out, dm_err *err)
{
    dm_pack *p = calloc(1, sizeof(*p));
    if (p != NULL) {
        p->sink = sink;
        p->arg = arg;
        p->room = ZSTD_CStreamOutSize();
        p->out = malloc(p->room);
        p->zstd = ZSTD_createCCtx();
    }
    if (p == NULL || p->out == NULL || p->zstd == NULL ||
            ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel, LEVEL)) != 0 ||
            ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_windowLog, WINDOW_LOG)) != 0 ||
            ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_checksumFlag, 1)) != 0) {
        dm_pack_free(p);
        return dm_fail(err, DM_E_NOMEM, "no memory for a pack");
    }
    *out = p;
    return 0;
}

static int squeeze(dm_pack *p, ZSTD_EndDirective how, dm_err *err)
{
    ZSTD_inBuffer in = {p->in, p->n, 0};
    size_t left = 1;
    while (left != 0 || in.pos < in.size) {
        ZSTD_outBuffer out = {p->out, p->room, 0};
        left = ZSTD_compressStream2(p->zstd, &out, &in, how);
        if (ZSTD_isError(left) != 0)
            return dm_fail(err, DM_E_INTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        int r = out.pos > 0 ? p->sink(p->arg, (dm_str){p->out, out.pos}, err) : 0;
        if (r < 0)
            return r;
        if (how == ZSTD_e_continue && in.pos == in.size)
            break;
    }
    p->n = 0;
    return 0;
}

static int add(dm_pack *p, const char *bytes, size_t n, dm_err *err)
{
    int r = 0;
    while (r == 0 && n > 0) {
        size_t some = FEED - p->n < n ? FEED - p->n : n;
        memcpy(p->in + p->n, bytes, some);
        p->n += some;
        bytes += some;
        n -= some;
        if (p->n == FEED)
            r = squeeze(p, ZSTD_e_continue, err);
    }
    return r;
}

/* --- the tar ------------------------------------------------------------------------------------------------ */

int dm_pack_file(dm_pack *p, const char *name, dm_str bytes, dm_err *err)
{
    static const char nothing[DM_USTAR_BLOCK];
    char head[DM_USTAR_BLOCK];
    int r = dm_ustar_head(name, bytes.n, head, err);
    if (r == 0)
        r = add(p, head, sizeof(head), err);
    if (r == 0)
        r = add(p, bytes.p, bytes.n, err);
    return r < 0 ? r : add(p, nothing, (DM_USTAR_BLOCK - bytes.n % DM_USTAR_BLOCK) % DM_USTAR_BLOCK, err);
}

int dm_pack_end(dm_pack *p, dm_err *err)
{
    static const char nothing[2 * DM_USTAR_BLOCK];
    int r = add(p, nothing, sizeof(nothing), err);
    return r < 0 ? r : squeeze(p, ZSTD_e_end, err);
}
