/* Files into a pack and out of it again. */
/* Covers metering/read/pack.c, metering/verify/unpack.c. */
#include "metering/read/pack.h"
#include "metering/verify/unpack.h"
#include "tests/unit/test.h"

typedef struct bytes {
    const char *p;
    size_t n, piece;
} bytes;

static int next(void *arg, void *to, size_t room, size_t *n, dm_err *err)
{
    bytes *b = arg;
    (void)err;
    *n = b->n < room ? b->n : room;
    *n = *n < b->piece ? *n : b->piece;
    memcpy(to, b->p, *n);
    b->p += *n;
    b->n -= *n;
    return 0;
}

static int into(void *arg, dm_str s, dm_err *err)
{
    (void)err;
    return dm_buf_str(arg, s);
}

/* Three files, one of them large; made once more it is the same. */
static void make(dm_buf *out, const dm_buf *large)
{
    DM_AUTO(dm_pack) p = NULL;
    dm_buf_reset(out);
    assert_int_equal(dm_pack_new(into, out, &p, NULL), 0);
    assert_int_equal(dm_pack_file(p, "empty", DM_STR(""), NULL), 0);
    assert_int_equal(dm_pack_file(p, "large", dm_buf_view(large), NULL), 0);
    assert_int_equal(dm_pack_file(p, "small", DM_STR("small"), NULL), 0);
    assert_int_equal(dm_pack_end(p, NULL), 0);
}

static void fill(dm_buf *b, size_t n)
{
    dm_buf_init(b, n);
    uint32_t x = 1;
    while (b->len < n) {
        x = x * 1664525 + 1013904223;
        (void)dm_buf_u8(b, (uint8_t)(x >> 24));
    }
}

/* The outcome that ends it, and how many files were before. */
static int read_all(dm_str s, size_t piece, size_t cap, unsigned *n)
{
    char name[DM_USTAR_NAME];
    bytes b = {s.p, s.n, piece};
    DM_AUTO(dm_unpack) u = NULL;
    DM_AUTO_BUF body;
    int r;
    dm_buf_init(&body, cap);
    *n = 0;
    assert_int_equal(dm_unpack_new(next, &b, &u, NULL), 0);
    while ((r = dm_unpack_next(u, name, &body, NULL)) == 0)
        ++*n;
    return r;
}

static void there_and_back(void **state)
{
    (void)state;
    DM_AUTO_BUF large;
    DM_AUTO_BUF out;
    DM_AUTO_BUF again;
    unsigned n;
    fill(&large, 700001);
    dm_buf_init(&out, 4 << 20);
    dm_buf_init(&again, 4 << 20);
    make(&out, &large);
    make(&again, &large);
    assert_int_equal(out.len, again.len);
    assert_memory_equal(out.p, again.p, out.len);
    assert_int_equal(read_all(dm_buf_view(&out), SIZE_MAX, 1 << 20, &n), DM_UNPACK_END);
    assert_int_equal(n, 3);
    assert_int_equal(read_all(dm_buf_view(&out), 1000, 1 << 20, &n), DM_UNPACK_END);
    /* what is larger than its reader takes is not read */
    assert_int_equal(read_all(dm_buf_view(&out), SIZE_MAX, 700000, &n), DM_E_LIMIT);
    assert_int_equal(n, 1);
}

static void every_damage_is_seen(void **state)
{
    (void)state;
    DM_AUTO_BUF large;
    DM_AUTO_BUF out;
    unsigned n;
    fill(&large, 3000);
    dm_buf_init(&out, 1 << 20);
    make(&out, &large);
    for (size_t i = 0; i < out.len; i++) {
        if (i == 4) /* how the frame says its window: others of them read the same */
            continue;
        out.p[i] ^= 0x10;
        int r = read_all(dm_buf_view(&out), SIZE_MAX, 1 << 20, &n);
        if (r != DM_E_CORRUPT && i > 5)
            fail_msg("byte %zu: %d", i, r);
        assert_true(r == DM_E_CORRUPT || i <= 5);
        out.p[i] ^= 0x10;
    }
    for (size_t cut = 0; cut < out.len; cut += 7)
        assert_int_equal(read_all((dm_str){out.p, cut}, SIZE_MAX, 1 << 20, &n), DM_E_CORRUPT);
    (void)dm_buf_ch(&out, 'x');
    assert_int_equal(read_all(dm_buf_view(&out), SIZE_MAX, 1 << 20, &n), DM_E_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(every_damage_is_seen)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
