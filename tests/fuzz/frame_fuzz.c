/* Usage frames as a stranger sends them, and the files and chunks they lie in one after the other. Two kinds of input:
 * as it is; and, when its first byte is odd, with magic, version (with a seal when its sixth is odd), count and
 * checksum put right, so that what lies behind them is reached too. A frame that opens is the one encoding of what was
 * read from it, but for its seal, which nobody can make up. */
#include <string.h>

#include "base/crc32c.h"
#include "base/wire/frame.h"

#include "metering/ledger/accum.h"
#include "metering/ledger/track.h"
#include "metering/ledger/window.h"
#include "tests/fuzz/fuzz.h"

enum { MAX = 1 << 16 };

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

/* Makes a frame of the right shape of the bytes; how long it is. */
static size_t mend(uint8_t *p, size_t n)
{
    bool sealed = n > 5 && p[5] % 2 != 0;
    size_t seal = sealed ? DM_MAC_NONCE + DM_MAC_TAG : 0;
    if (n < DM_FRAME_HEAD + seal + 4)
        return 0;
    size_t samples = (n - DM_FRAME_HEAD - seal - 4) / DM_SAMPLE_BYTES;
    size_t end = DM_FRAME_HEAD + samples * DM_SAMPLE_BYTES + seal;
    put32(p, DM_FRAME_MAGIC);
    p[4] = sealed ? DM_FRAME_SEALED : DM_FRAME_UNSEALED;
    p[5] = 0;
    put32(p + 64, (uint32_t)samples);
    put32(p + end, dm_crc32c(0, p, end));
    return end + 4;
}

static dm_mac *seal_of(uint64_t worker_no)
{
    static const uint8_t secret[DM_KEY] = {1};
    uint8_t key[DM_KEY];
    dm_mac *seal = NULL;
    HOLDS(dm_frame_key(secret, (dm_worker_no){worker_no}, key, NULL) == 0 && dm_mac_new(key, &seal, NULL) == 0);
    return seal;
}

static void write_again(dm_str bytes, const dm_frame_head *h, const uint8_t *samples)
{
    DM_AUTO(dm_mac) seal = seal_of(h->worker_no);
    bool sealed = h->version == DM_FRAME_SEALED;
    size_t tail = sealed ? DM_MAC_NONCE + DM_MAC_TAG + 4 : 0;
    DM_AUTO_MEM dm_sample *s = calloc(h->n + 1, sizeof(*s));
    DM_AUTO_BUF b;
    dm_err err;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    HOLDS(s != NULL);
    for (uint32_t i = 0; i < h->n; i++) {
        if (dm_frame_sample(samples, i, &s[i], &err) < 0) {
            HOLDS(err.code == DM_E_INVALID && err.msg[0] != '\0');
            return;
        }
        HOLDS(s[i].epoch > 0 && s[i].span_s >= 1 && s[i].span_s <= DM_HIB_SPAN_MAX);
    }
    HOLDS(!dm_frame_sealed_by(bytes, seal));
    HOLDS(dm_frame_write(&b, h, s, sealed ? seal : NULL, NULL) == 0);
    HOLDS(b.len == bytes.n && memcmp(b.p, bytes.p, bytes.n - tail) == 0);
    HOLDS(dm_frame_sealed_by(dm_buf_view(&b), seal) == sealed);
}

/* What the meter does with it: nothing of it may be more than a bounded list of rows. */
static void meter(const dm_frame_head *h, const uint8_t *samples)
{
    DM_AUTO(dm_accum) a = NULL;
    DM_AUTO(dm_track) t = NULL;
    bool whole;
    HOLDS(dm_accum_new(60, 4096, 4096, &a, NULL) == 0 && dm_track_new(&t, NULL) == 0);
    HOLDS(dm_accum_frame(a, h, samples, NULL, NULL, NULL) == 0);
    HOLDS(dm_accum_count(a) <= 2 * (size_t)h->n);
    int r = dm_track_take(t, h, &whole, NULL);
    HOLDS(r == DM_TRACK_NEW || r == DM_E_INVALID);
    HOLDS(dm_track_mark_of(t, (dm_worker_no){h->worker_no}).complete_through <= h->second);
}

static void one(dm_str bytes)
{
    dm_frame_head h;
    const uint8_t *samples;
    dm_err err;
    int r = dm_frame_open(bytes, &h, &samples, &err);
    if (r < 0) {
        HOLDS((r == DM_E_CORRUPT || r == DM_E_INVALID) && err.msg[0] != '\0');
        return;
    }
    HOLDS(dm_frame_length(bytes) == bytes.n);
    write_again(bytes, &h, samples);
    meter(&h, samples);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > MAX)
        return 0;
    uint8_t *copy = malloc(size);
    HOLDS(copy != NULL);
    memcpy(copy, data, size);
    size_t n = data[0] % 2 != 0 ? mend(copy, size) : size;
    one((dm_str){(const char *)copy, n});

    dm_str rest = {(const char *)copy, n}, frame;
    while (dm_chunk_next(&rest, &frame))
        one(frame);
    free(copy);
    return 0;
}
