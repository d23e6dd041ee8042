/* base/wire/frame.c: the bytes of a usage frame. Everything a stranger could have written is checked before it is used:
 * sizes against the bytes there are, then the checksum, then each value against what it may be.
 *
 * The checksum is taken of some 600 MB a second when the meter runs at its goal, so the processor's own instruction is
 * used where it is found at run time; the table is for all other machines. */
#include "base/wire/frame.h"

enum { OFF_BODY = DM_FRAME_HEAD, CRC_BYTES = 4 };

static const uint32_t crc_table[256] = {
        0x00000000u,
        0xf26b8303u,
        0xe13b70f7u,
        0x1350f3f4u,
        0xc79a971fu,
        0x35f1141cu,
        0x26a1e7e8u,
        0xd4ca64ebu,
        0x8ad958cfu,
        0x78b2dbccu,
        0x6be22838u,
        0x9989ab3bu,
        0x4d43cfd0u,
        0xbf284cd3u,
        0xac78bf27u,
        0x5e133c24u,
        0x105ec76fu,
        0xe235446cu,
        0xf165b798u,
        0x030e349bu,
        0xd7c45070u,
        0x25afd373u,
        0x36ff2087u,
        0xc494a384u,
        0x9a879fa0u,
        0x68ec1ca3u,
        0x7bbcef57u,
        0x89d76c54u,
        0x5d1d08bfu,
        0xaf768bbcu,
        0xbc267848u,
        0x4e4dfb4bu,
        0x20bd8edeu,
        0xd2d60dddu,
        0xc186fe29u,
        0x33ed7d2au,
        0xe72719c1u,
        0x154c9ac2u,
        0x061c6936u,
        0xf477ea35u,
        0xaa64d611u,
        0x580f5512u,
        0x4b5fa6e6u,
        0xb93425e5u,
        0x6dfe410eu,
        0x9f95c20du,
        0x8cc531f9u,
        0x7eaeb2fau,
        0x30e349b1u,
        0xc288cab2u,
        0xd1d83946u,
        0x23b3ba45u,
        0xf779deaeu,
        0x05125dadu,
        0x1642ae59u,
        0xe4292d5au,
        0xba3a117eu,
        0x4851927du,
        0x5b016189u,
        0xa96ae28au,
        0x7da08661u,
        0x8fcb0562u,
        0x9c9bf696u,
        0x6ef07595u,
        0x417b1dbcu,
        0xb3109ebfu,
        0xa0406d4bu,
        0x522bee48u,
        0x86e18aa3u,
        0x748a09a0u,
        0x67dafa54u,
        0x95b17957u,
        0xcba24573u,
        0x39c9c670u,
        0x2a993584u,
        0xd8f2b687u,
        0x0c38d26cu,
        0xfe53516fu,
        0xed03a29bu,
        0x1f682198u,
        0x5125dad3u,
        0xa34e59d0u,
        0xb01eaa24u,
        0x42752927u,
        0x96bf4dccu,
        0x64d4cecfu,
        0x77843d3bu,
        0x85efbe38u,
        0xdbfc821cu,
        0x2997011fu,
        0x3ac7f2ebu,
        0xc8ac71e8u,
        0x1c661503u,
        0xee0d9600u,
        0xfd5d65f4u,
        0x0f36e6f7u,
        0x61c69362u,
        0x93ad1061u,
        0x80fde395u,
        0x72966096u,
        0xa65c047du,
        0x5437877eu,
        0x4767748au,
        0xb50cf789u,
        0xeb1fcbadu,
        0x197448aeu,
        0x0a24bb5au,
        0xf84f3859u,
        0x2c855cb2u,
        0xdeeedfb1u,
        0xcdbe2c45u,
        0x3fd5af46u,
        0x7198540du,
        0x83f3d70eu,
        0x90a324fau,
        0x62c8a7f9u,
        0xb602c312u,
        0x44694011u,
        0x5739b3e5u,
        0xa55230e6u,
        0xfb410cc2u,
        0x092a8fc1u,
        0x1a7a7c35u,
        0xe811ff36u,
        0x3cdb9bddu,
        0xceb018deu,
        0xdde0eb2au,
        0x2f8b6829u,
        0x82f63b78u,
        0x709db87bu,
        0x63cd4b8fu,
        0x91a6c88cu,
        0x456cac67u,
        0xb7072f64u,
        0xa457dc90u,
        0x563c5f93u,
        0x082f63b7u,
        0xfa44e0b4u,
        0xe9141340u,
        0x1b7f9043u,
        0xcfb5f4a8u,
        0x3dde77abu,
        0x2e8e845fu,
        0xdce5075cu,
        0x92a8fc17u,
        0x60c37f14u,
        0x73938ce0u,
        0x81f80fe3u,
        0x55326b08u,
        0xa759e80bu,
        0xb4091bffu,
        0x466298fcu,
        0x1871a4d8u,
        0xea1a27dbu,
        0xf94ad42fu,
        0x0b21572cu,
        0xdfeb33c7u,
        0x2d80b0c4u,
        0x3ed04330u,
        0xccbbc033u,
        0xa24bb5a6u,
        0x502036a5u,
        0x4370c551u,
        0xb11b4652u,
        0x65d122b9u,
        0x97baa1bau,
        0x84ea524eu,
        0x7681d14du,
        0x2892ed69u,
        0xdaf96e6au,
        0xc9a99d9eu,
        0x3bc21e9du,
        0xef087a76u,
        0x1d63f975u,
        0x0e330a81u,
        0xfc588982u,
        0xb21572c9u,
        0x407ef1cau,
        0x532e023eu,
        0xa145813du,
        0x758fe5d6u,
        0x87e466d5u,
        0x94b49521u,
        0x66df1622u,
        0x38cc2a06u,
        0xcaa7a905u,
        0xd9f75af1u,
        0x2b9cd9f2u,
        0xff56bd19u,
        0x0d3d3e1au,
        0x1e6dcdeeu,
        0xec064eedu,
        0xc38d26c4u,
        0x31e6a5c7u,
        0x22b65633u,
        0xd0ddd530u,
        0x0417b1dbu,
        0xf67c32d8u,
        0xe52cc12cu,
        0x1747422fu,
        0x49547e0bu,
        0xbb3ffd08u,
        0xa86f0efcu,
        0x5a048dffu,
        0x8ecee914u,
        0x7ca56a17u,
        0x6ff599e3u,
        0x9d9e1ae0u,
        0xd3d3e1abu,
        0x21b862a8u,
        0x32e8915cu,
        0xc083125fu,
        0x144976b4u,
        0xe622f5b7u,
        0xf5720643u,
        0x07198540u,
        0x590ab964u,
        0xab613a67u,
        0xb831c993u,
        0x4a5a4a90u,
        0x9e902e7bu,
        0x6cfbad78u,
        0x7fab5e8cu,
        0x8dc0dd8fu,
        0xe330a81au,
        0x115b2b19u,
        0x020bd8edu,
        0xf0605beeu,
        0x24aa3f05u,
        0xd6c1bc06u,
        0xc5914ff2u,
        0x37faccf1u,
        0x69e9f0d5u,
        0x9b8273d6u,
        0x88d28022u,
        0x7ab90321u,
        0xae7367cau,
        0x5c18e4c9u,
        0x4f48173du,
        0xbd23943eu,
        0xf36e6f75u,
        0x0105ec76u,
        0x12551f82u,
        0xe03e9c81u,
        0x34f4f86au,
        0xc69f7b69u,
        0xd5cf889du,
        0x27a40b9eu,
        0x79b737bau,
        0x8bdcb4b9u,
        0x988c474du,
        0x6ae7c44eu,
        0xbe2da0a5u,
        0x4c4623a6u,
        0x5f16d052u,
        0xad7d5351u,
};

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

static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        crc = crc_table[(crc ^ p[i]) & 0xff] ^ crc >> 8;
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p, size_t n)
{
    uint64_t c = crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, sizeof(word));
        c = __builtin_ia32_crc32di(c, word);
    }
    uint32_t c32 = (uint32_t)c;
    for (; n > 0; n--, p++)
        c32 = __builtin_ia32_crc32qi(c32, *p);
    return c32;
}
#endif

uint32_t dm_crc32c(uint32_t crc, const void *p, size_t n)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_by_instruction(~crc, p, n);
#endif
    return ~crc_by_table(~crc, p, n);
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

static void write_head(uint8_t *p, const dm_frame_head *h)
{
    put32(p, DM_FRAME_MAGIC);
    put16(p + 4, DM_FRAME_VERSION);
    put16(p + 6, h->flags);
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

int dm_frame_write(dm_buf *b, const dm_frame_head *head, const dm_sample *samples, dm_err *err)
{
    if (head->n > DM_FRAME_SAMPLES)
        return dm_fail(err, DM_E_LIMIT, "frame: %u samples, at most %u go into one", head->n, DM_FRAME_SAMPLES);
    int r = check_head(head, err);
    if (r < 0)
        return r;
    size_t body = OFF_BODY + (size_t)head->n * DM_SAMPLE_BYTES;
    char *room = dm_buf_want(b, body + CRC_BYTES);
    if (room == NULL)
        return dm_buf_ok(b, err);
    uint8_t *p = (uint8_t *)room;
    write_head(p, head);
    for (uint32_t i = 0; i < head->n; i++)
        write_sample(p + OFF_BODY + (size_t)i * DM_SAMPLE_BYTES, &samples[i]);
    put32(p + body, dm_crc32c(0, p, body));
    dm_buf_grew(b, body + CRC_BYTES);
    return 0;
}

size_t dm_frame_length(dm_str bytes)
{
    if (bytes.n < DM_FRAME_HEAD)
        return 0;
    const uint8_t *p = (const uint8_t *)bytes.p;
    uint32_t n = get32(p + 64);
    if (get32(p) != DM_FRAME_MAGIC || get16(p + 4) != DM_FRAME_VERSION || n > DM_FRAME_SAMPLES)
        return 0;
    return OFF_BODY + (size_t)n * DM_SAMPLE_BYTES + CRC_BYTES;
}

int dm_frame_open(dm_str bytes, dm_frame_head *head, const uint8_t **samples, dm_err *err)
{
    if (bytes.n < DM_FRAME_HEAD + CRC_BYTES)
        return dm_fail(err, DM_E_CORRUPT, "frame: %zu bytes are not a whole one", bytes.n);
    const uint8_t *p = (const uint8_t *)bytes.p;
    if (get32(p) != DM_FRAME_MAGIC)
        return dm_fail(err, DM_E_CORRUPT, "frame: no magic");
    if (get16(p + 4) != DM_FRAME_VERSION)
        return dm_fail(err, DM_E_INVALID, "frame: version %u is not known", get16(p + 4));
    uint32_t n = get32(p + 64);
    if (n > DM_FRAME_SAMPLES)
        return dm_fail(err, DM_E_INVALID, "frame: %u samples", n);
    size_t body = OFF_BODY + (size_t)n * DM_SAMPLE_BYTES;
    if (bytes.n != body + CRC_BYTES)
        return dm_fail(err, DM_E_CORRUPT, "frame: %zu bytes where %u samples need %zu", bytes.n, n, body + CRC_BYTES);
    if (get32(p + body) != dm_crc32c(0, p, body))
        return dm_fail(err, DM_E_CORRUPT, "frame: checksum differs");
    dm_frame_head h = {
            .flags = (uint16_t)get16(p + 6),
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
    };
    int r = check_head(&h, err);
    if (r < 0)
        return r;
    *head = h;
    *samples = p + OFF_BODY;
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
