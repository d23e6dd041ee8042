#include "metering/ledger/window.h"

#include <assert.h>
#include <zstd.h>

#include "base/grow.h"

enum { CHUNKS_MAX = 1 << 20, ZSTD_LEVEL = 3 };

struct dm_window {
    dm_chunk *chunks;
    size_t n, room, last, bytes;
};

int dm_window_new(dm_window **out, dm_err *err)
{
    dm_window *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a window");
    *out = w;
    return 0;
}

void dm_window_clear(dm_window *w)
{
    for (size_t i = 0; i < w->n; i++) {
        assert(w->chunks[i].raw.len <= w->bytes);
        w->bytes -= w->chunks[i].raw.len;
        dm_buf_done(&w->chunks[i].raw);
    }
    assert(w->bytes == 0); /* by which the ledger decides when to flush */
    w->n = 0;
    w->last = 0;
}

void dm_window_free(dm_window *w)
{
    if (w == NULL)
        return;
    dm_window_clear(w);
    free(w->chunks);
    free(w);
}

static bool is_group(const dm_chunk *c, const dm_frame_head *h, int64_t period_start)
{
    return !c->full && c->worker_no.v == h->worker_no && c->boot == h->worker_boot && c->period_start == period_start;
}

/* Frames of a worker come in a row as a rule, and there are as many open groups as workers: so look at the last one
 * first, then from the back. */
static dm_chunk *find(dm_window *w, const dm_frame_head *h, int64_t period_start)
{
    if (w->last < w->n && is_group(&w->chunks[w->last], h, period_start))
        return &w->chunks[w->last];
    for (size_t i = w->n; i-- > 0;) {
        if (is_group(&w->chunks[i], h, period_start)) {
            w->last = i;
            return &w->chunks[i];
        }
    }
    return NULL;
}

static int begin(dm_window *w, const dm_frame_head *h, int64_t period_start, dm_chunk **out, dm_err *err)
{
    int r = dm_grow(&w->chunks, &w->room, w->n, CHUNKS_MAX, "chunks in a flush", err);
    if (r < 0)
        return r;
    dm_chunk *c = &w->chunks[w->n];
    *c = (dm_chunk){
            .worker_no = {h->worker_no},
            .boot = h->worker_boot,
            .first_frame = h->frame_no,
            .last_frame = h->frame_no,
            .first_part = h->part,
            .period_start = period_start,
            .first_second = h->second,
            .last_second = h->second,
    };
    dm_buf_init(&c->raw, DM_CHUNK_RAW_MAX);
    w->last = w->n++;
    *out = c;
    return 0;
}

/* The smallest (frame, part) names the chunk: each is stored once, so no two chunks have the same name. */
static void note(dm_chunk *c, const dm_frame_head *h)
{
    if (h->frame_no < c->first_frame || (h->frame_no == c->first_frame && h->part < c->first_part)) {
        c->first_frame = h->frame_no;
        c->first_part = h->part;
    }
    if (h->frame_no > c->last_frame)
        c->last_frame = h->frame_no;
    if (h->second < c->first_second)
        c->first_second = h->second;
    if (h->second > c->last_second)
        c->last_second = h->second;
    c->frames++;
    assert(c->first_frame <= c->last_frame && c->first_second <= c->last_second);
}

int dm_window_add(dm_window *w, const dm_frame_head *head, int64_t period_start, dm_str bytes, dm_err *err)
{
    dm_chunk *c = find(w, head, period_start);
    if (c != NULL && c->raw.len + bytes.n > DM_CHUNK_RAW_MAX) {
        c->full = true;
        c = NULL;
    }
    int r = c == NULL ? begin(w, head, period_start, &c, err) : 0;
    if (r < 0)
        return r;
    r = dm_buf_str(&c->raw, bytes);
    if (r < 0)
        return dm_buf_ok(&c->raw, err);
    note(c, head);
    w->bytes += bytes.n;
    return 0;
}

size_t dm_window_count(const dm_window *w)
{
    return w->n;
}

size_t dm_window_bytes(const dm_window *w)
{
    return w->bytes;
}

const dm_chunk *dm_window_get(const dm_window *w, size_t i)
{
    assert(i < w->n);
    return &w->chunks[i];
}

int dm_chunk_pack(dm_str raw, dm_buf *out, dm_err *err)
{
    size_t bound = ZSTD_compressBound(raw.n);
    char *room = dm_buf_want(out, bound);
    if (room == NULL)
        return dm_buf_ok(out, err);
    size_t n = ZSTD_compress(room, bound, raw.p, raw.n, ZSTD_LEVEL);
    if (ZSTD_isError(n))
        return dm_fail(err, DM_E_INTERNAL, "zstd: %s", ZSTD_getErrorName(n));
    dm_buf_grew(out, n);
    return 0;
}

int dm_chunk_unpack(dm_str packed, size_t raw_bytes, dm_buf *raw, dm_err *err)
{
    if (raw_bytes > DM_CHUNK_RAW_MAX)
        return dm_fail(err, DM_E_CORRUPT, "a chunk of %zu bytes", raw_bytes);
    char *room = dm_buf_want(raw, raw_bytes);
    if (room == NULL)
        return dm_buf_ok(raw, err);
    size_t n = ZSTD_decompress(room, raw_bytes, packed.p, packed.n);
    if (ZSTD_isError(n) || n != raw_bytes)
        return dm_fail(err, DM_E_CORRUPT, "a chunk does not unpack to its %zu bytes", raw_bytes);
    dm_buf_grew(raw, n);
    return 0;
}

bool dm_chunk_next(dm_str *raw, dm_str *frame)
{
    size_t n = dm_frame_length(*raw);
    if (n == 0 || n > raw->n)
        return false;
    *frame = (dm_str){raw->p, n};
    raw->p += n;
    raw->n -= n;
    return true;
}
