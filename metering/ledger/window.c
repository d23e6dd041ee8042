#include "metering/ledger/window.h"

#include <assert.h>
#include <stddef.h>
#include <zstd.h>

#include "base/grow.h"
#include "base/map.h"

enum { CHUNKS_MAX = 1 << 20, ZSTD_LEVEL = 3 };

/* What the frames of a chunk have in common, found by it; the chunks themselves move when their array grows. apart is
 * 0, or what tells a frame from all others of its number. */
typedef struct group_key {
    uint64_t worker_no, boot;
    int64_t period_start;
    uint64_t apart;
} group_key;

typedef struct group {
    group_key key;
    size_t chunk; /* the one that is not full */
} group;

struct dm_window {
    dm_chunk *chunks;
    size_t n, room, bytes;
    dm_map groups;
    group *last; /* frames of a worker come in a row as a rule */
    uint64_t steps;
};

int dm_window_new(dm_window **out, dm_err *err)
{
    dm_window *w = calloc(1, sizeof(*w));
    if (w == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a window");
    dm_map_init(&w->groups, offsetof(group, key), sizeof(group_key), CHUNKS_MAX);
    *out = w;
    return 0;
}

static void forget_groups(dm_window *w)
{
    dm_map_walk walk = dm_map_begin(&w->groups);
    for (group *g; (g = dm_map_next(&walk)) != NULL;)
        free(g);
    dm_map_done(&w->groups);
    w->last = NULL;
}

void dm_window_clear(dm_window *w)
{
    forget_groups(w);
    for (size_t i = 0; i < w->n; i++) {
        assert(w->chunks[i].raw.len <= w->bytes);
        w->bytes -= w->chunks[i].raw.len;
        dm_buf_done(&w->chunks[i].raw);
    }
    assert(w->bytes == 0); /* by which the ledger decides when to flush */
    w->n = 0;
}

void dm_window_free(dm_window *w)
{
    if (w == NULL)
        return;
    dm_window_clear(w);
    free(w->chunks);
    free(w);
}

static bool is_group(dm_window *w, const group *g, const group_key *k)
{
    w->steps++;
    return g->key.worker_no == k->worker_no && g->key.boot == k->boot && g->key.period_start == k->period_start &&
           g->key.apart == k->apart;
}

/* There are as many groups as workers. NULL: none yet. */
static group *find(dm_window *w, const group_key *k)
{
    if (w->last != NULL && is_group(w, w->last, k))
        return w->last;
    w->steps++;
    return dm_map_find(&w->groups, k);
}

/* NULL: *r says why. */
static group *group_new(dm_window *w, const group_key *k, int *r, dm_err *err)
{
    *r = dm_map_reserve(&w->groups, "chunks in a flush", err);
    if (*r < 0)
        return NULL;
    group *g = malloc(sizeof(*g));
    if (g == NULL) {
        *r = dm_fail(err, DM_E_NOMEM, "no memory for a chunk");
        return NULL;
    }
    *g = (group){*k, SIZE_MAX};
    dm_map_add(&w->groups, g);
    return g;
}

/* By the number alone a chunk of one that stands apart would have the name of the one with the frame that was taken. */
static uint32_t first_part(const dm_frame_head *h, uint64_t apart)
{
    return apart == 0 ? h->part : (uint32_t)(DM_CHUNK_APART + apart % (1u << 30));
}

/* g goes on in a chunk of its own. */
static int begin(dm_window *w, const dm_frame_head *h, group *g, dm_err *err)
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
            .first_part = first_part(h, g->key.apart),
            .period_start = g->key.period_start,
            .first_second = h->second,
            .last_second = h->second,
    };
    dm_buf_init(&c->raw, DM_CHUNK_RAW_MAX);
    g->chunk = w->n++;
    return 0;
}

/* The smallest (frame, part) names the chunk: each is stored once, so no two chunks have the same name. */
static void note(dm_chunk *c, const dm_frame_head *h)
{
    bool apart = c->first_part >= DM_CHUNK_APART;
    if (!apart && (h->frame_no < c->first_frame || (h->frame_no == c->first_frame && h->part < c->first_part))) {
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

int dm_window_add(dm_window *w, const dm_frame_head *head, int64_t period_start, dm_str bytes, bool apart, dm_err *err)
{
    group_key key = {head->worker_no, head->worker_boot, period_start, apart ? head->print | 1 : 0};
    group *g = find(w, &key);
    int r = 0;
    if (g == NULL)
        g = group_new(w, &key, &r, err);
    if (g == NULL)
        return r;
    w->last = g;
    if (g->chunk == SIZE_MAX || w->chunks[g->chunk].raw.len + bytes.n > DM_CHUNK_RAW_MAX) {
        r = begin(w, head, g, err);
        if (r < 0)
            return r;
    }
    dm_chunk *c = &w->chunks[g->chunk];
    r = dm_buf_str(&c->raw, bytes);
    if (r < 0)
        return dm_buf_ok(&c->raw, err);
    note(c, head);
    w->bytes += bytes.n;
    return 0;
}

uint64_t dm_window_steps(const dm_window *w)
{
    return w->steps;
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
