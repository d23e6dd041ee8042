#include "metering/verify/unpack.h"

#include <zstd.h>

enum { WINDOW_LOG_MAX = 23 };

struct dm_unpack {
    ZSTD_DCtx *zstd;
    dm_unpack_source source;
    void *arg;
    char *in, *out;
    size_t in_room, out_room;
    ZSTD_inBuffer squeezed;
    size_t at, n; /* of out: what is not taken yet */
    bool ended;   /* the frame is whole */
};

void dm_unpack_free(dm_unpack *u)
{
    if (u == NULL)
        return;
    (void)ZSTD_freeDCtx(u->zstd);
    free(u->in);
    free(u->out);
    free(u);
}

int dm_unpack_new(dm_unpack_source source, void *arg, dm_unpack **out, dm_err *err)
{
    dm_unpack *u = calloc(1, sizeof(*u));
    if (u != NULL) {
        *u = (dm_unpack){
                .source = source, .arg = arg, .in_room = ZSTD_DStreamInSize(), .out_room = ZSTD_DStreamOutSize()};
        u->in = malloc(u->in_room);
        u->out = malloc(u->out_room);
        u->zstd = ZSTD_createDCtx();
    }
    if (u == NULL || u->in == NULL || u->out == NULL || u->zstd == NULL ||
            ZSTD_isError(ZSTD_DCtx_setParameter(u->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)) != 0) {
        dm_unpack_free(u);
        return dm_fail(err, DM_E_NOMEM, "no memory to unpack");
    }
    *out = u;
    return 0;
}

static int more_in(dm_unpack *u, dm_err *err)
{
    u->squeezed = (ZSTD_inBuffer){u->in, 0, 0};
    return u->source(u->arg, u->in, u->in_room, &u->squeezed.size, err);
}

/* n stays 0 at the end of the one frame that there is. */
static int more_out(dm_unpack *u, dm_err *err)
{
    u->at = u->n = 0;
    while (u->n == 0 && !u->ended) {
        int r = u->squeezed.pos == u->squeezed.size ? more_in(u, err) : 0;
        if (r < 0)
            return r;
        if (u->squeezed.size == 0)
            return dm_fail(err, DM_E_CORRUPT, "the file ends too early");
        ZSTD_outBuffer out = {u->out, u->out_room, 0};
        size_t left = ZSTD_decompressStream(u->zstd, &out, &u->squeezed);
        if (ZSTD_isError(left) != 0)
            return dm_fail(err, DM_E_CORRUPT, "zstd: %s", ZSTD_getErrorName(left));
        u->n = out.pos;
        u->ended = left == 0;
    }
    return 0;
}

/* All of n, into b or nowhere. */
static int take(dm_unpack *u, uint64_t n, dm_buf *b, dm_err *err)
{
    while (n > 0) {
        if (u->at == u->n) {
            int r = more_out(u, err);
            if (r < 0)
                return r;
            if (u->n == 0)
                return dm_fail(err, DM_E_CORRUPT, "the archive ends too early");
        }
        size_t some = u->n - u->at < n ? u->n - u->at : (size_t)n;
        int r = dm_buf_add(b, u->out + u->at, some);
        if (r < 0)
            return dm_fail(err, r, "a file is larger than one may be");
        u->at += some;
        n -= some;
    }
    return 0;
}

static bool blank(dm_str s)
{
    while (s.n > 0 && s.p[s.n - 1] == '\0')
        s.n--;
    return s.n == 0;
}

/* The second block of nothing, and then nothing. */
static int take_end(dm_unpack *u, dm_buf *b, dm_err *err)
{
    dm_buf_reset(b);
    int r = take(u, DM_USTAR_BLOCK, b, err);
    if (r == 0 && !blank(dm_buf_view(b)))
        r = dm_fail(err, DM_E_CORRUPT, "a file without a name");
    if (r == 0 && u->at == u->n)
        r = more_out(u, err);
    if (r == 0 && u->squeezed.pos == u->squeezed.size)
        r = more_in(u, err);
    if (r == 0 && (u->at != u->n || u->squeezed.size > u->squeezed.pos))
        r = dm_fail(err, DM_E_CORRUPT, "something stands behind the end");
    return r < 0 ? r : DM_UNPACK_END;
}

int dm_unpack_next(dm_unpack *u, char name[DM_USTAR_NAME], dm_buf *body, dm_err *err)
{
    char head[DM_USTAR_BLOCK];
    uint64_t size = 0;
    dm_buf_reset(body);
    int r = take(u, sizeof(head), body, err);
    if (r < 0)
        return r;
    if (blank(dm_buf_view(body)))
        return take_end(u, body, err);
    memcpy(head, body->p, sizeof(head));
    r = dm_ustar_read(head, name, &size, err);
    dm_buf_reset(body);
    if (r == 0)
        r = take(u, size, body, err);
    if (r < 0)
        return r;
    DM_AUTO_BUF rest;
    dm_buf_init(&rest, DM_USTAR_BLOCK);
    r = take(u, (DM_USTAR_BLOCK - size % DM_USTAR_BLOCK) % DM_USTAR_BLOCK, &rest, err);
    if (r == 0 && !blank(dm_buf_view(&rest)))
        r = dm_fail(err, DM_E_CORRUPT, "something stands behind the end of %s", name);
    return r;
}
