/* Covers metering/rules/minor.c, metering/rules/allocate.c. */
#include "metering/rules/allocate.h"
#include "tests/unit/test.h"

static dm_money money(const char *text)
{
    dm_money m;
    dm_err err;
    if (dm_money_parse(dm_str_c(text), &m, &err) < 0)
        fail_msg("%s", err.msg);
    return m;
}

static void currencies_have_their_decimals(void **state)
{
    static const struct {
        const char *currency;
        unsigned decimals;
    } cases[] = {{"CNY", 2}, {"USD", 2}, {"EUR", 2}, {"JPY", 0}, {"KRW", 0}, {"VND", 0}, {"XPF", 0}, {"BIF", 0},
            {"KWD", 3}, {"BHD", 3}, {"TND", 3}, {"CLF", 4}, {"UYW", 4}};
    (void)state;
    unsigned decimals;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        assert_int_equal(dm_minor_of(cases[i].currency, &decimals, NULL), 0);
        assert_int_equal(decimals, cases[i].decimals);
    }
    static const char *const wrong[] = {"XAU", "XXX", "XTS", "usd", "US", "USDT", "", "U D"};
    for (size_t i = 0; i < DM_LEN(wrong); i++)
        assert_int_equal(dm_minor_of(wrong[i], &decimals, NULL), DM_E_INVALID);
}

static void rounding_is_half_up_away_from_zero(void **state)
{
    static const struct {
        const char *exact;
        unsigned decimals;
        const char *rounded;
    } cases[] = {{"0.005", 2, "0.01"}, {"0.004999999999999999", 2, "0.00"}, {"-0.005", 2, "-0.01"},
            {"-0.004999999999999999", 2, "0.00"}, {"1.015", 2, "1.02"}, {"2.5", 0, "3"}, {"-2.5", 0, "-3"},
            {"2.499999999999999999", 0, "2"}, {"0.0005", 3, "0.001"}, {"12.345678", 3, "12.346"},
            {"-12.3455", 3, "-12.346"}, {"0.00005", 4, "0.0001"}, {"0", 2, "0.00"}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        char text[DM_MONEY_TEXT];
        dm_money out;
        assert_int_equal(dm_minor_round(money(cases[i].exact), cases[i].decimals, &out, NULL), 0);
        assert_int_equal(dm_minor_print(out, cases[i].decimals, text, NULL), 0);
        assert_string_equal(text, cases[i].rounded);
    }
}

static void what_is_not_whole_is_not_printed(void **state)
{
    char text[DM_MONEY_TEXT];
    (void)state;
    assert_int_equal(dm_minor_print(money("0.001"), 2, text, NULL), DM_E_INVALID);
    assert_false(dm_minor_whole(money("-0.001"), 2));
    assert_true(dm_minor_whole(money("-0.01"), 2));
}

static void rounding_stops_at_the_edges(void **state)
{
    dm_money out = {7};
    (void)state;
    assert_int_equal(dm_minor_round(money("99999999999999999999.994999999999999999"), 2, &out, NULL), 0);
    out.v = 7;
    assert_int_equal(dm_minor_round(money("99999999999999999999.995"), 2, &out, NULL), DM_E_LIMIT);
    assert_int_equal(dm_minor_round(money("-99999999999999999999.995"), 2, &out, NULL), DM_E_LIMIT);
    assert_true(out.v == 7);
}

/* --- the split ---------------------------------------------------------------------------------------------- */

static void splits(size_t n, const char *const exact[], const char *total, unsigned decimals, const char *const want[])
{
    dm_money in[8], out[8];
    char text[DM_MONEY_TEXT];
    for (size_t i = 0; i < n; i++)
        in[i] = money(exact[i]);
    assert_int_equal(dm_allocate(in, n, money(total), decimals, out, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(dm_minor_print(out[i], decimals, text, NULL), 0);
        assert_string_equal(text, want[i]);
    }
}

static void printed_lines_add_up_to_the_printed_total(void **state)
{
    (void)state;
    splits(3, (const char *const[]){"0.333333", "0.333333", "0.333334"}, "1.00", 2,
            (const char *const[]){"0.33", "0.33", "0.34"});
    splits(3, (const char *const[]){"0.005", "0.005", "0.005"}, "0.02", 2,
            (const char *const[]){"0.01", "0.01", "0.00"}); /* of equal ones the earlier */
    splits(2, (const char *const[]){"0.3", "-0.8"}, "-1", 0, (const char *const[]){"0", "-1"});
    splits(3, (const char *const[]){"-0.4", "-0.4", "-0.4"}, "-1", 0, (const char *const[]){"0", "0", "-1"});
    splits(2, (const char *const[]){"0.004", "0"}, "0.00", 2, (const char *const[]){"0.00", "0.00"});
    splits(1, (const char *const[]){"7.1235"}, "7.124", 3, (const char *const[]){"7.124"});
    splits(0, NULL, "0", 2, NULL);
}

static void a_total_that_is_not_theirs_is_not_split(void **state)
{
    dm_money in[2] = {money("0.10"), money("0.20")}, out[2];
    (void)state;
    assert_int_equal(dm_allocate(in, 2, money("0.29"), 2, out, NULL), DM_E_INVALID);
    assert_int_equal(dm_allocate(in, 2, money("0.33"), 2, out, NULL), DM_E_INVALID);
    assert_int_equal(dm_allocate(in, 2, money("0.305"), 2, out, NULL), DM_E_INVALID);
    assert_int_equal(dm_allocate(in, 0, money("0.01"), 2, out, NULL), DM_E_INVALID);
}

/* Never a unit or more from what it is a share of, and always the sum. */
static void random_splits_add_up(void **state)
{
    uint64_t seed = 42;
    (void)state;
    for (int round = 0; round < 5000; round++) {
        dm_money in[17], out[17], sum = {0}, total, got = {0};
        unsigned decimals = (unsigned)round % (DM_MINOR_MAX + 1);
        size_t n = 1 + (size_t)round % 17;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            in[i].v = ((dm_i128)(int64_t)seed) * (round % 3 == 0 ? 1 : 1000003);
            assert_int_equal(dm_money_add(sum, in[i], &sum, NULL), 0);
        }
        assert_int_equal(dm_minor_round(sum, decimals, &total, NULL), 0);
        assert_int_equal(dm_allocate(in, n, total, decimals, out, NULL), 0);
        dm_i128 unit = dm_minor_unit(decimals).v;
        for (size_t i = 0; i < n; i++) {
            dm_i128 off = out[i].v - in[i].v;
            assert_true(off < unit && off > -unit);
            assert_int_equal(dm_money_add(got, out[i], &got, NULL), 0);
        }
        assert_true(got.v == total.v);
    }
}

static void a_split_stops_at_the_edges(void **state)
{
    dm_money in[2] = {money("99999999999999999999.99"), money("0")}, out[2];
    (void)state;
    assert_int_equal(dm_allocate(in, 2, in[0], 2, out, NULL), 0);
    assert_true(out[0].v == in[0].v && out[1].v == 0);
    in[0] = money("-99999999999999999999.999");
    assert_int_equal(dm_allocate(in, 1, money("-99999999999999999999.99"), 2, out, NULL), DM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(currencies_have_their_decimals),
            cmocka_unit_test(rounding_is_half_up_away_from_zero),
            cmocka_unit_test(what_is_not_whole_is_not_printed),
            cmocka_unit_test(rounding_stops_at_the_edges),
            cmocka_unit_test(printed_lines_add_up_to_the_printed_total),
            cmocka_unit_test(a_total_that_is_not_theirs_is_not_split),
            cmocka_unit_test(random_splits_add_up),
            cmocka_unit_test(a_split_stops_at_the_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
