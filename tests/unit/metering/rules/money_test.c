#include "metering/rules/money.h"
#include "tests/unit/test.h"

/* One bit short of the sign, made without a word of 128 bits. */
#define I128_MAX ((((dm_i128)1 << 126) - 1) * 2 + 1)

static dm_i128 ten_to(unsigned n)
{
    dm_i128 v = 1;
    while (n-- > 0)
        v *= 10;
    return v;
}

static void parse_money(const char *text, dm_i128 want)
{
    dm_money m = {0};
    dm_err err;
    assert_int_equal(dm_money_parse(dm_str_c(text), &m, &err), 0);
    assert_true(m.v == want);
}

static void refuse_money(const char *text, int code)
{
    dm_money m = {77};
    dm_err err;
    assert_int_equal(dm_money_parse(dm_str_c(text), &m, &err), code);
    assert_true(m.v == 77);
}

static void parses_what_the_database_prints(void **state)
{
    (void)state;
    parse_money("0", 0);
    parse_money("0.000000000000000000", 0);
    parse_money("-0.000000000000000000", 0);
    parse_money("1", ten_to(18));
    parse_money("-1", -ten_to(18));
    parse_money("0.000000000000000001", 1);
    parse_money("-0.000000000000000001", -1);
    parse_money("12.5", 125 * ten_to(17));
    parse_money("007.50", 75 * ten_to(17));
    parse_money("99999999999999999999.999999999999999999", ten_to(38) - 1);
    parse_money("-99999999999999999999.999999999999999999", 1 - ten_to(38));
}

static void refuses_everything_else(void **state)
{
    static const char *const wrong[] = {"", "-", ".", ".5", "1.", "-.5", "+1", " 1", "1 ", "1e3", "1,5", "1.2.3", "0x1",
            "NaN", "1.0000000000000000001", "--1", "1-", "/", ":"};
    (void)state;
    for (size_t i = 0; i < DM_LEN(wrong); i++)
        refuse_money(wrong[i], DM_E_INVALID);
    refuse_money("100000000000000000000", DM_E_LIMIT);
    refuse_money("100000000000000000000.5", DM_E_LIMIT);
    refuse_money("100000000000000000000000000000000000000", DM_E_LIMIT);
    refuse_money("-100000000000000000000", DM_E_LIMIT);
    char long_word[200];
    memset(long_word, 'x', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = '\0';
    refuse_money(long_word, DM_E_INVALID);
}

static void prices_are_not_negative(void **state)
{
    dm_price p;
    dm_err err;
    (void)state;
    assert_int_equal(dm_price_parse(DM_STR("0.000021700000"), &p, &err), 0);
    assert_true(p.v == 21700000);
    assert_int_equal(dm_price_parse(DM_STR("999999.999999999999"), &p, &err), 0);
    assert_true(p.v == 999999999999999999);
    assert_int_equal(dm_price_parse(DM_STR("-0.1"), &p, &err), DM_E_INVALID);
    assert_says(err, "not a price");
    assert_int_equal(dm_price_parse(DM_STR("1000000"), &p, &err), DM_E_LIMIT);
    assert_int_equal(dm_price_parse(DM_STR("x"), &p, &err), DM_E_INVALID);
    assert_int_equal(dm_price_parse(DM_STR("0.0000000000001"), &p, &err), DM_E_INVALID);
}

static void quantities_have_six_decimals(void **state)
{
    char text[DM_MONEY_TEXT];
    (void)state;
    dm_qty_print((dm_qty){80600015625}, text);
    assert_string_equal(text, "80600.015625");
}

static void prints_all_decimals(void **state)
{
    char text[DM_MONEY_TEXT];
    (void)state;
    dm_money_print((dm_money){0}, text);
    assert_string_equal(text, "0.000000000000000000");
    dm_money_print((dm_money){-1}, text);
    assert_string_equal(text, "-0.000000000000000001");
    dm_money_print((dm_money){ten_to(38) - 1}, text);
    assert_string_equal(text, "99999999999999999999.999999999999999999");
    dm_money_print((dm_money){-I128_MAX - 1}, text);
    assert_string_equal(text, "-170141183460469231731.687303715884105728");
    dm_price_print((dm_price){21700000}, text);
    assert_string_equal(text, "0.000021700000");
}

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 11;
}

static void print_and_parse_are_inverse(void **state)
{
    uint64_t seed = 7;
    (void)state;
    for (int i = 0; i < 100000; i++) {
        dm_i128 v = ((dm_i128)next(&seed) << 64 | (dm_i128)next(&seed)) % ten_to((unsigned)(next(&seed) % 38) + 1);
        dm_money m = {next(&seed) % 2 != 0 ? v : -v}, back = {0};
        char text[DM_MONEY_TEXT];
        dm_money_print(m, text);
        assert_int_equal(dm_money_parse(dm_str_c(text), &back, NULL), 0);
        assert_true(back.v == m.v);
    }
}

static void sums_fail_closed(void **state)
{
    dm_money most = {ten_to(38) - 1}, one = {1}, out = {5};
    dm_err err;
    (void)state;
    assert_int_equal(dm_money_add(most, one, &out, &err), DM_E_LIMIT);
    assert_true(out.v == 5);
    assert_int_equal(dm_money_add((dm_money){-most.v}, (dm_money){-1}, &out, &err), DM_E_LIMIT);
    assert_int_equal(dm_money_add((dm_money){I128_MAX}, one, &out, &err), DM_E_LIMIT);
    assert_says(err, "overflows");
    assert_int_equal(dm_money_add((dm_money){most.v - 1}, one, &out, &err), 0);
    assert_true(out.v == most.v);
    assert_int_equal(dm_money_add(out, (dm_money){-1}, &out, &err), 0);
    assert_true(out.v == most.v - 1);
    assert_int_equal(dm_money_negate(most, &out, &err), 0);
    assert_true(out.v == -most.v);
    assert_int_equal(dm_money_negate((dm_money){-I128_MAX - 1}, &out, &err), DM_E_LIMIT);
}

static void products_are_exact_or_refused(void **state)
{
    dm_qty q;
    dm_money m = {9};
    dm_err err;
    (void)state;
    assert_int_equal(dm_qty_of(3600, 4 * 1000000, &q, &err), 0);
    assert_int_equal(dm_money_of(q, (dm_price){10830000}, &m, &err), 0);
    char text[DM_MONEY_TEXT];
    dm_money_print(m, text);
    assert_string_equal(text, "0.155952000000000000");
    assert_int_equal(dm_money_of((dm_qty){ten_to(20) - 1}, (dm_price){1000000000000000000}, &m, &err), 0);
    assert_int_equal(dm_money_of((dm_qty){ten_to(20)}, (dm_price){1000000000000000000}, &m, &err), DM_E_LIMIT);
    assert_int_equal(dm_money_of((dm_qty){I128_MAX}, (dm_price){2}, &m, &err), DM_E_LIMIT);
    assert_says(err, "overflows");
    assert_int_equal(dm_qty_of(UINT64_MAX, UINT64_MAX, &q, &err), DM_E_LIMIT);
    assert_int_equal(dm_qty_of(UINT64_MAX, 15625, &q, &err), DM_E_LIMIT);
}

static void compares(void **state)
{
    (void)state;
    assert_true(dm_money_cmp((dm_money){-1}, (dm_money){0}) < 0);
    assert_true(dm_money_cmp((dm_money){1}, (dm_money){0}) > 0);
    assert_int_equal(dm_money_cmp((dm_money){1}, (dm_money){1}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(parses_what_the_database_prints),
            cmocka_unit_test(refuses_everything_else),
            cmocka_unit_test(prices_are_not_negative),
            cmocka_unit_test(quantities_have_six_decimals),
            cmocka_unit_test(prints_all_decimals),
            cmocka_unit_test(print_and_parse_are_inverse),
            cmocka_unit_test(sums_fail_closed),
            cmocka_unit_test(products_are_exact_or_refused),
            cmocka_unit_test(compares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
