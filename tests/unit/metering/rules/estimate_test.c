/* What a month of sandboxes comes to: the golden vectors of the price table, and that an estimate is the statement's
 * sum. */
#include <string.h>

#include "base/wire/frame.h"

#include "metering/rules/estimate.h"
#include "tests/unit/test.h"

static dm_rate_book book_of(const char *vcpu, const char *mem, const char *disk, const char *minute)
{
    dm_rate_book b = {.id = 7, .minutes = minute != NULL};
    const struct {
        dm_sku sku;
        const char *text;
    } all[] = {{DM_SKU_VCPU_RUN, vcpu}, {DM_SKU_MEM_RUN, mem}, {DM_SKU_DISK_RUN_OVER_30, disk}, {DM_SKU_DISK_HIB, disk},
            {DM_SKU_MINUTES, minute}};
    for (size_t i = 0; i < DM_LEN(all); i++) {
        b.has[all[i].sku] = all[i].text != NULL;
        if (all[i].text != NULL)
            assert_int_equal(dm_price_parse(dm_str_c(all[i].text), &b.per_unit[all[i].sku], NULL), 0);
    }
    return b;
}

static const char *total(const dm_rate_book *b, dm_estimate_use use, const dm_estimate_month *month)
{
    static char text[4][DM_MONEY_TEXT];
    static unsigned at;
    static const dm_estimate_month fresh = {.pool_s = 0};
    DM_AUTO_MEM dm_estimate *e = calloc(1, sizeof *e);
    dm_err err;
    char *out = text[at++ % 4];
    assert_non_null(e);
    if (dm_estimate_of(&use, b, month != NULL ? month : &fresh, e, &err) < 0)
        fail_msg("%s", err.msg);
    dm_money_print(e->total, out);
    return out;
}

static dm_estimate_use use(
        uint32_t vcpus, uint32_t mem_mib, uint32_t gib, uint64_t running, uint64_t asleep, uint32_t n)
{
    return (dm_estimate_use){{vcpus, mem_mib, gib * 64, running, asleep}, n};
}

static void the_golden_vectors(void **state)
{
    (void)state;
    dm_rate_book mainland = book_of("0.0000217", "0.00001083", "0.0000003", NULL);
    dm_rate_book other = book_of("0.0000342", "0.00001711", "0.0000004", NULL);
    assert_string_equal(total(&mainland, use(2, 4096, 0, 3600, 0, 1), NULL), "0.312192000000000000");
    assert_string_equal(total(&other, use(2, 4096, 0, 3600, 0, 1), NULL), "0.492624000000000000");
    assert_string_equal(total(&mainland, use(1, 2048, 0, 47, 0, 1), NULL), "0.002037920000000000");
    assert_string_equal(total(&mainland, use(1, 1024, 31, 1000, 2600, 1), NULL), "0.057010000000000000");
    /* the free disk ends with sleep */
    assert_string_equal(total(&mainland, use(1, 1024, 20, 0, 3600, 1), NULL), "0.021600000000000000");
    assert_string_equal(total(&mainland, use(1, 1024, 20, 0, 0, 1), NULL), "0.000000000000000000");
    /* of a thousand, a thousand times as much; of a million for a month there is room */
    assert_string_equal(total(&mainland, use(1, 1024, 31, 1000, 2600, 1000), NULL), "57.010000000000000000");
    assert_string_equal(total(&mainland, use(1, 1024, 0, 2592000, 0, 1000000), NULL), "84317760.000000000000000000");
}

static void minutes_of_a_pool(void **state)
{
    (void)state;
    dm_rate_book pro = book_of(NULL, NULL, "0.00000004", "0.005");
    dm_estimate_month fresh = {.included_s = 60000}, later = {.included_s = 60000, .pool_s = 60059};
    assert_string_equal(total(&pro, use(1, 1024, 0, 60059, 0, 1), &fresh), "0.000000000000000000");
    assert_string_equal(total(&pro, use(1, 1024, 0, 60060, 0, 1), &fresh), "0.005000000000000000");
    assert_string_equal(total(&pro, use(1, 1024, 0, 6006, 0, 10), &fresh), "0.005000000000000000");
    assert_string_equal(total(&pro, use(1, 1024, 0, 1, 0, 1), &later), "0.005000000000000000");
    assert_string_equal(total(&pro, use(1, 1024, 1, 0, 100, 1), &fresh), "0.000004000000000000");
}

static void tiers_of_a_contract(void **state)
{
    (void)state;
    dm_rate_book b = book_of("0.00002", "0.00001", "0.0000003", NULL);
    dm_tiers *t = &b.tiers[DM_SKU_VCPU_RUN];
    *t = (dm_tiers){.mode = DM_TIER_GRADUATED, .n = 1};
    assert_int_equal(dm_qty_parse(dm_str_c("100"), &t->from[0], NULL), 0);
    assert_int_equal(dm_price_parse(dm_str_c("0.00001"), &t->per_unit[0], NULL), 0);
    /* 100 at 0.00002, 10 at 0.00001; and 110 GiB-seconds */
    assert_string_equal(total(&b, use(1, 1024, 0, 55, 0, 2), NULL), "0.003200000000000000");
    dm_estimate_month month = {.pool_s = 0};
    assert_int_equal(dm_qty_parse(dm_str_c("100"), &month.counts[DM_SKU_VCPU_RUN], NULL), 0);
    assert_string_equal(total(&b, use(1, 1024, 0, 55, 0, 2), &month), "0.002200000000000000");
    t->mode = DM_TIER_VOLUME;
    assert_string_equal(total(&b, use(1, 1024, 0, 55, 0, 2), NULL), "0.002200000000000000");
}

/* Second by second, in periods of a minute, as a statement's pages have it: the sum is the estimate's. */
static void it_is_what_the_seconds_come_to(void **state)
{
    (void)state;
    dm_rate_book b = book_of("0.0000217", "0.00001083", "0.0000003", NULL);
    dm_rate_segment all = {0, 60, &b};
    dm_money sum = {0};
    for (unsigned minute = 0; minute < 90; minute++) {
        uint8_t states[60];
        uint32_t disk[1] = {31 * 64 + 5};
        dm_rate_line lines[DM_RATE_LINES_MAX];
        dm_money one;
        size_t n;
        for (unsigned s = 0; s < 60; s++)
            states[s] = minute * 60 + s < 1777 ? DM_SAMPLE_RUN : DM_SAMPLE_HIB;
        dm_rate_use u = {60, states, disk, 2, 512};
        assert_int_equal(dm_rate_use_lines(&u, &all, 1, lines, &n, NULL), 0);
        assert_int_equal(dm_rate_total(lines, n, &one, NULL), 0);
        assert_int_equal(dm_money_add(sum, one, &sum, NULL), 0);
    }
    char want[DM_MONEY_TEXT];
    dm_money_print(sum, want);
    dm_estimate_use u = {{2, 512, 31 * 64 + 5, 1777, 90 * 60 - 1777}, 1};
    assert_string_equal(total(&b, u, NULL), want);
}

static void what_has_no_price_or_no_room(void **state)
{
    (void)state;
    static const dm_estimate_month fresh = {.pool_s = 0};
    dm_rate_book b = book_of("1", NULL, "1", NULL);
    DM_AUTO_MEM dm_estimate *e = calloc(1, sizeof *e);
    dm_err err;
    assert_non_null(e);
    dm_estimate_use u = use(1, 1024, 0, 1, 0, 1);
    assert_int_equal(dm_estimate_of(&u, &b, &fresh, e, &err), DM_E_NOTFOUND);
    u = use(1, 0, 0, 1, 0, 0);
    assert_int_equal(dm_estimate_of(&u, &b, &fresh, e, &err), DM_E_INVALID);
    u = use(1, 0, 0, DM_RATE_SUM_S_MAX + 1ull, 0, 1);
    assert_int_equal(dm_estimate_of(&u, &b, &fresh, e, &err), DM_E_INVALID);
    u = use(UINT32_MAX, 0, 0, DM_RATE_SUM_S_MAX, 0, DM_ESTIMATE_COUNT_MAX);
    assert_int_equal(dm_estimate_of(&u, &b, &fresh, e, &err), DM_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_golden_vectors),
            cmocka_unit_test(minutes_of_a_pool),
            cmocka_unit_test(tiers_of_a_contract),
            cmocka_unit_test(it_is_what_the_seconds_come_to),
            cmocka_unit_test(what_has_no_price_or_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
