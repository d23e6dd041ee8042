/* base/wire/frame.c: the bytes of a usage frame. Everything a stranger could have written is checked before it is used:
 * sizes against the bytes there are, then each value against what it may be; and the checksum or, by who has the key,
 * the seal.
 *
 * Why GMAC: it runs at the speed of the memory that the samples come from (tests/bench/meter_hot), where an HMAC of
 * SHA-256 or a signature costs several times what all else does that is done with a sample. One tag covers what two
 * would have to otherwise, so where it is checked the checksum need not be. */
#include "base/wire/frame.h"

#include <stdio.h>
#include <string.h>

#include "base/crc32c.h"

enum { OFF_BODY = DM_FRAME_HEAD, CRC_BYTES = 4, SEAL_BYTES = DM_MAC_NONCE + DM_MAC_TAG };

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, v);
    put16(p + 2, v >> 16);
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

static void write_sample(uint8_t *p, const dm_sample *s)
{
    memcpy(p, s->sandbox.b, DM_SANDBOX_ID_BYTES);
    put32(p + 16, s->epoch);
    put32(p + 20, s->project_no);
    put16(p + 24, s->spec_table);
    put16(p + 26, s->spec);
    p[28] = s->state;
    p[29] = s->span_s;
    put16(p + 30, s->region_no);
    put32(p + 32, s->disk_16mib);
    put32(p + 36, s->cpu_used_us);
    put32(p + 40, s->mem_private_mib);
    put32(p + 44, s->mem_shared_mib);
    put32(p + 48, s->net_in_kib);
    put32(p + 52, s->net_out_kib);
    put32(p + 56, s->disk_read_kib);
    put32(p + 60, s->disk_write_kib);
}

static void write_head(uint8_t *p, const dm_frame_head *h, uint16_t version)
{
    put32(p, DM_FRAME_MAGIC);
    put16(p + 4, version);
    put16(p + 6, h->key_no);
    put64(p + 8, h->worker_no);
    put64(p + 16, h->worker_boot);
    put64(p + 24, h->frame_no);
    put64(p + 32, h->prev_boot_last_frame);
    put64(p + 40, (uint64_t)h->second);
    put64(p + 48, (uint64_t)h->complete_through);
    put16(p + 56, h->part);
    put16(p + 58, h->parts);
    put32(p + 60, h->clock_err_us);
    put32(p + 64, h->n);
}

static int check_head(const dm_frame_head *h, dm_err *err)
{
    if (h->worker_no == 0 || h->worker_boot == 0)
        return dm_fail(err, DM_E_INVALID, "frame: no worker or no boot");
    if (h->worker_no > INT64_MAX || h->worker_boot > INT64_MAX || h->frame_no > INT64_MAX ||
            h->prev_boot_last_frame > INT64_MAX)
        return dm_fail(err, DM_E_INVALID, "frame: a number beyond 2^63");
    if (h->parts == 0 || h->part >= h->parts)
        return dm_fail(err, DM_E_INVALID, "frame: part %u of %u", h->part, h->parts);
    /* Up to the year 9999, so that a sum of seconds never overflows later. */
    if (h->second < 0 || h->second > 253402300799 || h->complete_through < -1 || h->complete_through > h->second)
        return dm_fail(err, DM_E_INVALID, "frame: second %lld, complete through %lld", (long long)h->second,
                (long long)h->complete_through);
    return 0;
}

int dm_frame_key(const uint8_t secret[DM_KEY], dm_worker_no worker_no, uint8_t key[DM_KEY], dm_err *err)
{
    char of[48];
    dm_digest d;
    (void)snprintf(of, sizeof(of), "dormouse frame %llu", (unsigned long long)worker_no.v);
    int r = dm_hmac_sha256((dm_str){(const char *)secret, DM_KEY}, dm_str_c(of), &d, err);
    if (r == 0)
        memcpy(key, d.b, DM_KEY);
    return r;
}

int dm_frame_key_print(const uint8_t key[DM_KEY], uint64_t *out, dm_err *err)
{
    dm_digest d;
    int r = dm_hmac_sha256((dm_str){(const char *)key, DM_KEY}, DM_STR("dormouse frame key"), &d, err);
    if (r == 0)
        *out = get64(d.b) >> 1;
    return r;
}

uint16_t dm_frame_key_no(uint64_t key_print)
{
    uint16_t no = (uint16_t)key_print;
    return no != 0 ? no : 1;
}

static int put_seal(uint8_t *p, size_t body, dm_mac *seal, dm_err *err)
{
    int r = dm_random(p + body, DM_MAC_NONCE, err);
    if (r < 0)
        return r;
    return dm_mac_tag(seal, p + body, (dm_str){(const char *)p, body}, p + body + DM_MAC_NONCE, err);
}

int dm_frame_write(dm_buf *b, const dm_frame_head *head, const dm_sample *samples, dm_mac *seal, dm_err *err)
{
    if (head->n > DM_FRAME_SAMPLES)
        return dm_fail(err, DM_E_LIMIT, "frame: %u samples, at most %u go into one", head->n, DM_FRAME_SAMPLES);
    int r = check_head(head, err);
    if (r < 0)
        return r;
    size_t body = OFF_BODY + (size_t)head->n * DM_SAMPLE_BYTES, end = body + (seal != NULL ? SEAL_BYTES : 0);
    char *room = dm_buf_want(b, end + CRC_BYTES);
    if (room == NULL)
        return dm_buf_ok(b, err);
    uint8_t *p = (uint8_t *)room;
    write_head(p, head, seal != NULL ? DM_FRAME_SEALED : DM_FRAME_UNSEALED);
    for (uint32_t i = 0; i < head->n; i++)
        write_sample(p + OFF_BODY + (size_t)i * DM_SAMPLE_BYTES, &samples[i]);
    r = seal != NULL ? put_seal(p, body, seal, err) : 0;
    if (r < 0)
        return r;
    put32(p + end, dm_crc32c(0, p, end));
    dm_buf_grew(b, end + CRC_BYTES);
    return 0;
}

/* How many bytes follow the samples; 0: of a version that is not known. */
static size_t tail_of(uint32_t version)
{
    return version == DM_FRAME_SEALED ? SEAL_BYTES + CRC_BYTES : version == DM_FRAME_UNSEALED ? CRC_BYTES : 0;
}

size_t dm_frame_length(dm_str bytes)
{
    if (bytes.n < DM_FRAME_HEAD)
        return 0;
    const uint8_t *p = (const uint8_t *)bytes.p;
    uint32_t n = get32(p + 64);
    size_t tail = tail_of(get16(p + 4));
    if (get32(p) != DM_FRAME_MAGIC || tail == 0 || n > DM_FRAME_SAMPLES)
        return 0;
    return OFF_BODY + (size_t)n * DM_SAMPLE_BYTES + tail;
}

bool dm_frame_whole(dm_str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    size_t end = bytes.n - CRC_BYTES;
    return get32(p + end) == dm_crc32c(0, p, end);
}

bool dm_frame_sealed_by(dm_str bytes, dm_mac *seal)
{
    const uint8_t *p = (const uint8_t *)bytes.p;
    size_t body = bytes.n - CRC_BYTES - SEAL_BYTES;
    return get16(p + 4) == DM_FRAME_SEALED &&
           dm_mac_ok(seal, p + body, (dm_str){bytes.p, body}, p + body + DM_MAC_NONCE);
}

int dm_frame_read(dm_str bytes, dm_frame_head *head, const uint8_t **samples, dm_err *err)
{
    if (bytes.n < DM_FRAME_HEAD + CRC_BYTES)
        return dm_fail(err, DM_E_CORRUPT, "frame: %zu bytes are not a whole one", bytes.n);
    const uint8_t *p = (const uint8_t *)bytes.p;
    if (get32(p) != DM_FRAME_MAGIC)
        return dm_fail(err, DM_E_CORRUPT, "frame: no magic");
    uint32_t version = get16(p + 4), n = get32(p + 64);
    size_t tail = tail_of(version);
    if (tail == 0)
        return dm_fail(err, DM_E_INVALID, "frame: version %u is not known", version);
    if (n > DM_FRAME_SAMPLES)
        return dm_fail(err, DM_E_INVALID, "frame: %u samples", n);
    size_t body = OFF_BODY + (size_t)n * DM_SAMPLE_BYTES;
    if (bytes.n != body + tail)
        return dm_fail(err, DM_E_CORRUPT, "frame: %zu bytes where %u samples need %zu", bytes.n, n, body + tail);
    dm_frame_head h = {
            .key_no = (uint16_t)get16(p + 6),
            .worker_no = get64(p + 8),
            .worker_boot = get64(p + 16),
            .frame_no = get64(p + 24),
            .prev_boot_last_frame = get64(p + 32),
            .second = (int64_t)get64(p + 40),
            .complete_through = (int64_t)get64(p + 48),
            .part = (uint16_t)get16(p + 56),
            .parts = (uint16_t)get16(p + 58),
            .clock_err_us = get32(p + 60),
            .n = n,
            .version = (uint16_t)version,
            .print = version == DM_FRAME_SEALED ? get64(p + body + DM_MAC_NONCE) : get32(p + body),
    };
    int r = check_head(&h, err);
    if (r < 0)
        return r;
    *head = h;
    *samples = p + OFF_BODY;
    return 0;
}

int dm_frame_open(dm_str bytes, dm_frame_head *head, const uint8_t **samples, dm_err *err)
{
    dm_frame_head h;
    const uint8_t *at;
    int r = dm_frame_read(bytes, &h, &at, err);
    if (r < 0)
        return r;
    if (!dm_frame_whole(bytes))
        return dm_fail(err, DM_E_CORRUPT, "frame: checksum differs");
    *head = h;
    *samples = at;
    return 0;
}

/* An id is a number below 36^20. */
static bool id_ok(const uint8_t *p)
{
    static const uint8_t end[DM_SANDBOX_ID_BYTES] = {
            0x00, 0x00, 0x00, 0xa8, 0xb8, 0xb4, 0x52, 0x29, 0x1f, 0xe8, 0x21, 0x00, 0x00, 0x00, 0x00, 0x00};
    return memcmp(p, end, sizeof(end)) < 0;
}

int dm_frame_sample(const uint8_t *samples, uint32_t i, dm_sample *out, dm_err *err)
{
    const uint8_t *p = samples + (size_t)i * DM_SAMPLE_BYTES;
    if (!id_ok(p))
        return dm_fail(err, DM_E_INVALID, "sample %u: no sandbox has that id", i);
    uint32_t epoch = get32(p + 16);
    uint8_t state = p[28], span = p[29];
    if (epoch == 0 || epoch > INT32_MAX)
        return dm_fail(err, DM_E_INVALID, "sample %u: epoch %u", i, epoch);
    if (state != DM_SAMPLE_RUN && state != DM_SAMPLE_HIB)
        return dm_fail(err, DM_E_INVALID, "sample %u: state %u", i, state);
    if (span == 0 || span > (state == DM_SAMPLE_RUN ? 1 : DM_HIB_SPAN_MAX))
        return dm_fail(err, DM_E_INVALID, "sample %u: state %u spans %u s", i, state, span);
    memcpy(out->sandbox.b, p, DM_SANDBOX_ID_BYTES);
    out->epoch = epoch;
    out->project_no = get32(p + 20);
    out->spec_table = (uint16_t)get16(p + 24);
    out->spec = (uint16_t)get16(p + 26);
    out->state = state;
    out->span_s = span;
    out->region_no = (uint16_t)get16(p + 30);
    out->disk_16mib = get32(p + 32);
    out->cpu_used_us = get32(p + 36);
    out->mem_private_mib = get32(p + 40);
    out->mem_shared_mib = get32(p + 44);
    out->net_in_kib = get32(p + 48);
    out->net_out_kib = get32(p + 52);
    out->disk_read_kib = get32(p + 56);
    out->disk_write_kib = get32(p + 60);
    return 0;
}
