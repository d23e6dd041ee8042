#include "base/buf.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

static void grows_to_its_cap_and_no_further(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(dm_buf_ch(&b, (char)('a' + i % 26)), 0);
    assert_int_equal(dm_buf_ok(&b, NULL), 0);
    assert_int_equal(b.len, 1000);
    assert_true(b.room <= 1001);
    assert_int_equal(strlen(b.p), 1000);
    dm_err err;
    assert_int_equal(dm_buf_ch(&b, 'x'), DM_E_LIMIT);
    assert_int_equal(b.len, 1000);
    assert_int_equal(dm_buf_ok(&b, &err), DM_E_LIMIT);
    assert_says(err, "1000");
}

/* A row of appends has no hole: after the one that did not fit, smaller ones are refused too. */
static void a_failure_sticks(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4);
    assert_int_equal(dm_buf_c(&b, "abc"), 0);
    assert_int_equal(dm_buf_c(&b, "de"), DM_E_LIMIT);
    assert_int_equal(dm_buf_c(&b, "d"), DM_E_LIMIT);
    assert_int_equal(dm_buf_fmt(&b, "%d", 1), DM_E_LIMIT);
    assert_null(dm_buf_want(&b, 1));
    assert_str(dm_buf_view(&b), "abc");
    dm_buf_reset(&b);
    assert_int_equal(dm_buf_ok(&b, NULL), 0);
    assert_int_equal(dm_buf_c(&b, "wxyz"), 0);
    assert_str(dm_buf_view(&b), "wxyz");
}

static void a_mark_from_outside(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 4);
    dm_buf_fail(&b, DM_E_NOMEM);
    dm_buf_fail(&b, DM_E_LIMIT);
    assert_int_equal(dm_buf_ok(&b, NULL), DM_E_NOMEM);
    assert_int_equal(dm_buf_ch(&b, 'a'), DM_E_NOMEM);
}

static void huge_sizes_do_not_wrap(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, SIZE_MAX);
    assert_int_equal(dm_buf_ch(&b, 'a'), 0);
    assert_null(dm_buf_want(&b, SIZE_MAX));
    dm_buf_reset(&b);
    assert_int_equal(dm_buf_add(&b, "", SIZE_MAX - 1), DM_E_LIMIT);
}

static void cap_of_zero(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 0);
    assert_int_equal(dm_buf_c(&b, ""), 0);
    assert_int_equal(dm_buf_ch(&b, 'a'), DM_E_LIMIT);
    assert_str(dm_buf_view(&b), "");
}

static void formats(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 200);
    assert_int_equal(dm_buf_fmt(&b, "%s-%03d", "x", 7), 0);
    assert_str(dm_buf_view(&b), "x-007");
    assert_int_equal(dm_buf_fmt(&b, "%*s", 195, ""), 0); /* exactly to the cap */
    assert_int_equal(b.len, 200);
    assert_int_equal(dm_buf_fmt(&b, "%s", ""), 0);
    assert_int_equal(dm_buf_fmt(&b, "%s", "y"), DM_E_LIMIT);
    assert_int_equal(b.len, 200);
}

static void wants_and_eats(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 16);
    dm_buf_eat(&b, 0);
    dm_buf_grew(&b, 0);
    char *p = dm_buf_want(&b, 16);
    assert_non_null(p);
    memcpy(p, "0123456789abcdef", 16);
    dm_buf_grew(&b, 10);
    assert_str(dm_buf_view(&b), "0123456789");
    assert_string_equal(b.p, "0123456789");
    dm_buf_eat(&b, 4);
    assert_string_equal(b.p, "456789");
    dm_buf_eat(&b, 6);
    assert_string_equal(b.p, "");
    assert_int_equal(b.len, 0);
}

static void takes_away(void **state)
{
    (void)state;
    dm_buf b;
    dm_buf_init(&b, 8);
    assert_null(dm_buf_take(&b));
    assert_int_equal(dm_buf_c(&b, ""), 0);
    assert_null(dm_buf_take(&b));
    assert_int_equal(dm_buf_c(&b, "abc"), 0);
    DM_AUTO_MEM char *z = dm_buf_take(&b);
    assert_string_equal(z, "abc");
    assert_int_equal(b.len, 0);
    assert_int_equal(b.cap, 8);
    assert_int_equal(dm_buf_c(&b, "again"), 0);
    dm_buf_done(&b);
    dm_buf_done(&b);
}

static void words_go_round(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64);
    (void)dm_buf_u8(&b, 0xfe);
    (void)dm_buf_le16(&b, 0x0102);
    (void)dm_buf_le32(&b, 0x80000001);
    (void)dm_buf_le64(&b, UINT64_C(0x1122334455667788));
    (void)dm_buf_add(&b, "xyz", 3);
    assert_memory_equal(b.p, "\xfe\x02\x01\x01\x00\x00\x80\x88\x77\x66\x55\x44\x33\x22\x11xyz", 18);
    dm_str in = dm_buf_view(&b);
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    char s[3];
    assert_int_equal(dm_take_u8(&in, &u8), 0);
    assert_int_equal(dm_take_le16(&in, &u16), 0);
    assert_int_equal(dm_take_le32(&in, &u32), 0);
    assert_int_equal(dm_take_le64(&in, &u64), 0);
    assert_int_equal(u8, 0xfe);
    assert_int_equal(u16, 0x0102);
    assert_int_equal(u32, 0x80000001);
    assert_true(u64 == UINT64_C(0x1122334455667788));
    /* One byte short: nothing is taken and nothing written. */
    assert_int_equal(dm_take_le32(&in, &u32), DM_E_PROTO);
    assert_int_equal(u32, 0x80000001);
    assert_int_equal(dm_take_bytes(&in, s, 4), DM_E_PROTO);
    assert_int_equal(in.n, 3);
    assert_int_equal(dm_take_bytes(&in, s, 3), 0);
    assert_memory_equal(s, "xyz", 3);
    assert_int_equal(dm_take_u8(&in, &u8), DM_E_PROTO);
    assert_int_equal(dm_take_bytes(&in, s, 0), 0);
}

static int fill(dm_buf *b)
{
    for (int i = 0; i < 40; i++)
        (void)dm_buf_c(b, "0123456789");
    return dm_buf_ok(b, NULL);
}

static void survives_each_failed_allocation(void **state)
{
    (void)state;
    int failures = 0;
    for (alloc_fail_at(0); alloc_fail_next();) {
        DM_AUTO_BUF b;
        dm_buf_init(&b, 400);
        int r = fill(&b);
        if (!alloc_fail_hit()) {
            assert_int_equal(r, 0);
            continue;
        }
        failures++;
        assert_int_equal(r, DM_E_NOMEM);
        /* What was there is there, whole words only. */
        assert_int_equal(b.len % 10, 0);
        dm_buf_reset(&b);
        assert_int_equal(fill(&b), 0);
        assert_int_equal(b.len, 400);
    }
    assert_true(failures >= 3);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(grows_to_its_cap_and_no_further),
            cmocka_unit_test(a_failure_sticks),
            cmocka_unit_test(a_mark_from_outside),
            cmocka_unit_test(huge_sizes_do_not_wrap),
            cmocka_unit_test(cap_of_zero),
            cmocka_unit_test(formats),
            cmocka_unit_test(wants_and_eats),
            cmocka_unit_test(takes_away),
            cmocka_unit_test(words_go_round),
            cmocka_unit_test(survives_each_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
