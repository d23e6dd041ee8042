/* Rating fails closed: what is out of bounds, has no price or does not fit its column is an error, never a smaller sum.
 */
#include "base/wire/frame.h"

#include "metering/rules/rate.h"
#include "tests/unit/test.h"

static dm_rate_book full(void)
{
    dm_rate_book b = {.id = 1};
    for (unsigned i = 0; i < DM_SKU_COUNT; i++) {
        b.has[i] = true;
        b.per_unit[i].v = 1000000;
    }
    return b;
}

static uint8_t states[DM_RATE_SECONDS_MAX];
static uint32_t disk[DM_RATE_SECONDS_MAX / 60];

static dm_rate_use use_of(uint8_t state)
{
    memset(states, state, sizeof(states));
    for (size_t m = 0; m < DM_LEN(disk); m++)
        disk[m] = 40 * 64;
    return (dm_rate_use){.seconds = 60, .state = states, .disk_16mib = disk, .vcpus = 1, .mem_mib = 512};
}

static int rated(const dm_rate_use *use, const dm_rate_segment *segments, size_t n, dm_err *err)
{
    dm_rate_line lines[DM_RATE_LINES_MAX];
    size_t out = 99;
    int r = dm_rate_use_lines(use, segments, n, lines, &out, err);
    if (r < 0)
        assert_int_equal(out, 99); /* untouched */
    return r;
}

static void names_go_both_ways(void **state)
{
    dm_err err;
    dm_sku sku;
    (void)state;
    for (unsigned i = 0; i < DM_SKU_COUNT; i++) {
        assert_int_equal(dm_sku_parse(dm_str_c(dm_sku_name((dm_sku)i)), &sku, &err), 0);
        assert_int_equal(sku, i);
        if (i > 0)
            assert_true(strcmp(dm_sku_name((dm_sku)(i - 1)), dm_sku_name((dm_sku)i)) < 0); /* lines are in this order */
    }
    assert_int_equal(dm_sku_parse(DM_STR("vcpu"), &sku, &err), DM_E_INVALID);
    assert_int_equal(
            dm_sku_parse(DM_STR("a word of more than the forty letters that are shown"), &sku, &err), DM_E_INVALID);
    assert_says(err, "'a word of more than the forty letters th'");
}

static void no_second_without_its_price(void **state)
{
    static const dm_sku needed[2][3] = {
            {DM_SKU_DISK_RUN_OVER_30, DM_SKU_MEM_RUN, DM_SKU_VCPU_RUN}, {DM_SKU_DISK_HIB, 0, 0}};
    (void)state;
    for (int hib = 0; hib < 2; hib++) {
        for (int i = 0; i < (hib != 0 ? 1 : 3); i++) {
            dm_err err;
            dm_rate_book b = full();
            dm_rate_segment segment = {0, 60, &b};
            dm_rate_use use = use_of(hib != 0 ? DM_SAMPLE_HIB : DM_SAMPLE_RUN);
            assert_int_equal(rated(&use, &segment, 1, &err), 0);
            b.has[needed[hib][i]] = false;
            assert_int_equal(rated(&use, &segment, 1, &err), DM_E_NOTFOUND);
            assert_says(err, dm_sku_name(needed[hib][i]));
        }
    }
}

static void segments_must_fit_the_period(void **state)
{
    dm_err err;
    dm_rate_book b = full();
    dm_rate_use use = use_of(DM_SAMPLE_RUN);
    static const struct {
        uint32_t from, to, then_from, then_to;
    } wrong[] = {{0, 30, 29, 60}, {0, 30, 30, 30}, {0, 30, 30, 61}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(wrong); i++) {
        dm_rate_segment s[] = {{wrong[i].from, wrong[i].to, &b}, {wrong[i].then_from, wrong[i].then_to, &b}};
        assert_int_equal(rated(&use, s, 2, &err), DM_E_INVALID);
    }
    dm_rate_segment many[DM_RATE_SEGMENTS_MAX + 1];
    for (uint32_t i = 0; i < DM_LEN(many); i++)
        many[i] = (dm_rate_segment){i, i + 1 == DM_LEN(many) ? 60 : i + 1, &b};
    assert_int_equal(rated(&use, many, DM_LEN(many), &err), DM_E_INVALID);
    dm_rate_segment whole = {0, 60, &b};
    use.seconds = 0;
    assert_int_equal(rated(&use, &whole, 1, &err), DM_E_INVALID);
    use.seconds = DM_RATE_SECONDS_MAX + 1;
    assert_int_equal(rated(&use, &whole, 1, &err), DM_E_INVALID);
    use.seconds = 60;
    use.mem_mib = 511;
    assert_int_equal(rated(&use, &whole, 1, &err), DM_E_INVALID);
    use.mem_mib = 512;
    whole.to = 59;
    assert_int_equal(rated(&use, &whole, 1, &err), DM_E_NOTFOUND); /* the last second has no book */
    states[59] = 0;
    assert_int_equal(rated(&use, &whole, 1, &err), 0);
}

/* The dearest that can be stamped, for the longest period there is, at the highest price, still has its exact sum. */
static void the_most_there_can_be_fits(void **state)
{
    dm_err err;
    dm_rate_book b = full();
    dm_rate_line lines[DM_RATE_LINES_MAX];
    dm_money total;
    size_t n;
    char text[DM_MONEY_TEXT];
    (void)state;
    for (unsigned i = 0; i < DM_SKU_COUNT; i++)
        b.per_unit[i].v = 999999999999999999;
    dm_rate_segment segment = {0, DM_RATE_SECONDS_MAX, &b};
    dm_rate_use use = use_of(DM_SAMPLE_RUN);
    use.seconds = DM_RATE_SECONDS_MAX;
    use.vcpus = UINT32_MAX;
    use.mem_mib = UINT32_MAX / 16 * 16;
    for (size_t m = 0; m < DM_LEN(disk); m++)
        disk[m] = UINT32_MAX - 1;
    assert_int_equal(dm_rate_use_lines(&use, &segment, 1, lines, &n, &err), 0);
    assert_int_equal(n, 3);
    assert_int_equal(dm_rate_total(lines, n, &total, &err), 0);
    dm_money_print(lines[2].amount, text);
    assert_string_equal(text, "15461882261999999984.538117738000000000"); /* 3600 * (2^32 - 1) * 999999.999999999999 */
}

static void what_does_not_fit_is_an_error(void **state)
{
    dm_err err;
    dm_rate_book b = full();
    b.minutes = true;
    dm_rate_segment segment = {0, 60, &b};
    dm_rate_line lines[2] = {0};
    dm_money total = {42};
    size_t n = 99;
    (void)state;
    /* Whole minutes that NUMERIC(20,6) does not hold: free ones, then paid ones. */
    assert_int_equal(dm_rate_minutes(0, UINT64_MAX - 60, UINT64_MAX - 60, &segment, lines, &n, &err), DM_E_LIMIT);
    assert_int_equal(dm_rate_minutes(0, UINT64_MAX - 60, 0, &segment, lines, &n, &err), DM_E_LIMIT);
    assert_int_equal(dm_rate_minutes(1, UINT64_MAX, 0, &segment, lines, &n, &err), DM_E_LIMIT);
    assert_int_equal(dm_rate_minutes(0, 1, UINT64_MAX - 58, &segment, lines, &n, &err), DM_E_LIMIT);
    assert_int_equal(n, 99);
    dm_rate_line huge[2] = {0};
    assert_int_equal(dm_money_parse(DM_STR("99999999999999999999.999999999999999999"), &huge[0].amount, &err), 0);
    assert_int_equal(dm_rate_total(huge, 2, &total, &err), 0);
    huge[1].amount.v = 1;
    total.v = 42;
    assert_int_equal(dm_rate_total(huge, 2, &total, &err), DM_E_LIMIT);
    assert_true(total.v == 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(names_go_both_ways),
            cmocka_unit_test(no_second_without_its_price),
            cmocka_unit_test(segments_must_fit_the_period),
            cmocka_unit_test(the_most_there_can_be_fits),
            cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
