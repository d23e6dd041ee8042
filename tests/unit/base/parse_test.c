#include "base/parse.h"

#include "tests/unit/test.h"

static void unsigned_numbers(void **state)
{
    (void)state;
    uint64_t v = 77;
    dm_err err;
    assert_int_equal(dm_parse_u64(DM_STR("0"), 0, 9, &v, &err), 0);
    assert_int_equal(v, 0);
    assert_int_equal(dm_parse_u64(DM_STR("18446744073709551615"), 0, UINT64_MAX, &v, &err), 0);
    assert_true(v == UINT64_MAX);
    v = 77;
    static const char *const bad[] = {
            "", " 1", "1 ", "+1", "-1", "1.0", "0x1", "1e3", "18446744073709551616", "99999999999999999999999"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(dm_parse_u64(dm_str_c(bad[i]), 0, UINT64_MAX, &v, &err), DM_E_INVALID);
    assert_int_equal(dm_parse_u64(DM_STR("1\0"), 0, UINT64_MAX, &v, &err), DM_E_INVALID);
    assert_int_equal(dm_parse_u64(DM_STR("4"), 5, 9, &v, &err), DM_E_INVALID);
    assert_int_equal(dm_parse_u64(DM_STR("10"), 5, 9, &v, &err), DM_E_INVALID);
    assert_says(err, "5 to 9");
    assert_int_equal(v, 77);
}

static void signed_numbers(void **state)
{
    (void)state;
    int64_t v = 77;
    assert_int_equal(dm_parse_i64(DM_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &v, NULL), 0);
    assert_true(v == INT64_MIN);
    assert_int_equal(dm_parse_i64(DM_STR("9223372036854775807"), INT64_MIN, INT64_MAX, &v, NULL), 0);
    assert_true(v == INT64_MAX);
    assert_int_equal(dm_parse_i64(DM_STR("-0"), -1, 1, &v, NULL), 0);
    assert_int_equal(v, 0);
    assert_int_equal(dm_parse_i64(DM_STR("-1"), -1, 1, &v, NULL), 0);
    assert_int_equal(v, -1);
    static const char *const bad[] = {"", "-", "--1", "+1", "9223372036854775808", "-9223372036854775809", "- 1"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(dm_parse_i64(dm_str_c(bad[i]), INT64_MIN, INT64_MAX, &v, NULL), DM_E_INVALID);
    assert_int_equal(dm_parse_i64(DM_STR("-2"), -1, 1, &v, NULL), DM_E_INVALID);
    assert_int_equal(v, -1);
}

static void truths(void **state)
{
    (void)state;
    bool b = false;
    assert_int_equal(dm_parse_bool(DM_STR("true"), &b, NULL), 0);
    assert_true(b);
    assert_int_equal(dm_parse_bool(DM_STR("false"), &b, NULL), 0);
    assert_false(b);
    assert_int_equal(dm_parse_bool(DM_STR("True"), &b, NULL), DM_E_INVALID);
    assert_int_equal(dm_parse_bool(DM_STR(""), &b, NULL), DM_E_INVALID);
}

static void hex(void **state)
{
    (void)state;
    uint8_t out[3] = {9, 9, 9};
    char text[7];
    assert_int_equal(dm_parse_hex(DM_STR("00fFa5"), out, 3, NULL), 0);
    assert_memory_equal(out, "\x00\xff\xa5", 3);
    dm_hex(out, 3, text);
    assert_string_equal(text, "00ffa5");
    dm_hex(out, 0, text);
    assert_string_equal(text, "");
    static const char *const bad[] = {"00fF", "00fFa", "00fFa5b", "00fFg5", "0x0102", ""};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(dm_parse_hex(dm_str_c(bad[i]), out, 3, NULL), DM_E_INVALID);
    assert_memory_equal(out, "\x00\xff\xa5", 3);
}

static void base64_both_ways(void **state)
{
    (void)state;
    static const struct {
        dm_str plain, code;
    } rows[] = {
            {{"", 0}, {"", 0}},
            {{"f", 1}, {"Zg==", 4}},
            {{"fo", 2}, {"Zm8=", 4}},
            {{"foo", 3}, {"Zm9v", 4}},
            {{"foob", 4}, {"Zm9vYg==", 8}},
            {{"\xfb\xff\x00", 3}, {"+/8A", 4}},
    };
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        DM_AUTO_BUF b;
        dm_buf_init(&b, 64);
        assert_int_equal(dm_base64_encode(&b, rows[i].plain.p, rows[i].plain.n), 0);
        assert_true(dm_str_eq(dm_buf_view(&b), rows[i].code));
        dm_buf_reset(&b);
        assert_int_equal(dm_base64_decode(&b, rows[i].code, NULL), 0);
        assert_true(dm_str_eq(dm_buf_view(&b), rows[i].plain));
    }
}

static void base64_from_strangers(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64);
    assert_int_equal(dm_base64_decode(&b, DM_STR("-_8A"), NULL), 0);
    assert_str(dm_buf_view(&b), "\xfb\xff\x00");
    dm_buf_reset(&b);
    assert_int_equal(dm_base64_decode(&b, DM_STR("Zg"), NULL), 0);
    assert_str(dm_buf_view(&b), "f");
    static const char *const bad[] = {"Z", "Zg=", "Zg===", "=", "====", "Zh==", "Zm9=", "Z g=", "Zg==Zg==", "Zm9vY"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        assert_int_equal(dm_base64_decode(&b, dm_str_c(bad[i]), NULL), DM_E_INVALID);
        assert_int_equal(dm_buf_ok(&b, NULL), 0);
        assert_str(dm_buf_view(&b), "f");
    }
    DM_AUTO_BUF small;
    dm_buf_init(&small, 2);
    assert_int_equal(dm_base64_decode(&small, DM_STR("Zm9v"), NULL), DM_E_LIMIT);
    dm_buf_reset(&small);
    assert_int_equal(dm_base64_encode(&small, "f", 1), DM_E_LIMIT);
}

static void urls(void **state)
{
    (void)state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 64);
    assert_int_equal(dm_url_decode(&b, DM_STR("a%2Fb%c3%A4+c"), false, NULL), 0);
    assert_str(dm_buf_view(&b), "a/b\xc3\xa4+c");
    dm_buf_reset(&b);
    assert_int_equal(dm_url_decode(&b, DM_STR("a+b%2B"), true, NULL), 0);
    assert_str(dm_buf_view(&b), "a b+");
    static const char *const bad[] = {"%", "%1", "%g1", "%1g", "a%", "%00", "%%41", "% 1"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_int_equal(dm_url_decode(&b, dm_str_c(bad[i]), false, NULL), DM_E_INVALID);
    assert_int_equal(dm_url_decode(&b, DM_STR("a\0b"), false, NULL), DM_E_INVALID);
    assert_str(dm_buf_view(&b), "a b+");
    dm_buf_reset(&b);
    assert_int_equal(dm_url_encode(&b, DM_STR("Az09-._~ /+\xff\0")), 0);
    assert_str(dm_buf_view(&b), "Az09-._~%20%2F%2B%FF%00");
}

static void times_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
            {"1970-01-01T00:00:00Z", 0},
            {"1970-01-01T00:00:00.000001Z", 1},
            {"2000-02-29T12:34:56.5z", INT64_C(951827696500000)},
            {"2026-01-31t23:59:59.123456+00:00", INT64_C(1769903999123456)},
            {"2026-01-31T23:59:59.123456000Z", INT64_C(1769903999123456)},
            {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
    };
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        int64_t us = -1;
        assert_int_equal(dm_parse_rfc3339(dm_str_c(rows[i].text), &us, NULL), 0);
        assert_true(us == rows[i].us);
    }
    static const char *const bad[] = {"", "2026", "1969-12-31T23:59:59Z", "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
            "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567Z", "2026-01-01T00:00:00+01:00", "2026-01-01T00:00:00Zx",
            "2026-1-01T00:00:00ZZ", "+026-01-01T00:00:00Z", "2026-01-01T00:00: 0Z", "2026-01-01T00:00:00.123456"};
    for (size_t i = 0; i < DM_LEN(bad); i++) {
        int64_t us = -1;
        assert_int_equal(dm_parse_rfc3339(dm_str_c(bad[i]), &us, NULL), DM_E_INVALID);
        assert_true(us == -1);
    }
}

static void times_written(void **state)
{
    (void)state;
    char out[32];
    dm_rfc3339(INT64_C(951827696500000), out);
    assert_string_equal(out, "2000-02-29T12:34:56.500000Z");
    dm_rfc3339(-1, out);
    assert_string_equal(out, "1970-01-01T00:00:00.000000Z");
    dm_rfc3339(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999999Z");
    /* Every day of eight thousand years reads back; a step of one day and a bit meets every time of day as well. */
    for (int64_t us = 0; us < INT64_C(253402300800000000); us += INT64_C(86400000000) + 7654321) {
        int64_t back = -1;
        dm_rfc3339(us, out);
        assert_int_equal(dm_parse_rfc3339(dm_str_c(out), &back, NULL), 0);
        assert_true(back == us);
    }
}

static void utf8(void **state)
{
    (void)state;
    static const char *const good[] = {"", "abc", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
            "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa4z"};
    for (size_t i = 0; i < DM_LEN(good); i++)
        assert_true(dm_utf8_ok(dm_str_c(good[i])));
    static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf",
            "\xed\xa0\x80", "\xe1\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff",
            "\xe1\x80\xc0", "\xf1\x80\x80z", "abc\xc3"};
    for (size_t i = 0; i < DM_LEN(bad); i++)
        assert_false(dm_utf8_ok(dm_str_c(bad[i])));
    assert_false(dm_utf8_ok(DM_STR("a\0b")));
    assert_int_equal(dm_utf8_step(DM_STR("\xf0\x9f\x90\xad!")), 4);
    assert_int_equal(dm_utf8_step(DM_STR("")), 0);
}

static void charsets(void **state)
{
    (void)state;
    assert_true(dm_str_only(DM_STR("abba"), "ab"));
    assert_true(dm_str_only(DM_STR(""), ""));
    assert_false(dm_str_only(DM_STR("abc"), "ab"));
    assert_false(dm_str_only(DM_STR("a\0"), "ab"));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(unsigned_numbers),
            cmocka_unit_test(signed_numbers),
            cmocka_unit_test(truths),
            cmocka_unit_test(hex),
            cmocka_unit_test(base64_both_ways),
            cmocka_unit_test(base64_from_strangers),
            cmocka_unit_test(urls),
            cmocka_unit_test(times_read),
            cmocka_unit_test(times_written),
            cmocka_unit_test(utf8),
            cmocka_unit_test(charsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
