#include "metering/rules/tax.h"
#include "tests/unit/test.h"

enum { NOW = 1772359200 };

static const dm_tax_rule rules[] = {
        {1, "*", "*", -1, "O", 0, false, "none", "VATEX-EU-O", "Not subject to VAT", 0, INT64_MAX},
        {2, "DE", "DE", -1, "S", 190000, false, "DE", NULL, NULL, 0, INT64_MAX},
        {3, "DE", "EU", 1, "AE", 0, true, "EU", "VATEX-EU-AE", "Reverse charge", 0, INT64_MAX},
        {4, "DE", "AT", 0, "S", 200000, false, "AT", NULL, NULL, 0, INT64_MAX},
        {5, "DE", "*", -1, "O", 0, false, "third", "VATEX-EU-O", "Not subject to VAT", 0, INT64_MAX},
        {6, "DE", "DE", -1, "S", 160000, false, "DE", NULL, NULL, NOW + 100, NOW + 200},
};

static int64_t found(const char *seller, const char *buyer, const char *area, bool business, int64_t at)
{
    const dm_tax_rule *r = NULL;
    const dm_tax_case of = {seller, buyer, area, business, at};
    int x = dm_tax_find(rules, DM_LEN(rules), &of, &r);
    return x == DM_TAX_NONE ? 0 : r->no;
}

static void the_rule_that_says_most_holds(void **state)
{
    (void)state;
    assert_int_equal(found("DE", "DE", "EU", true, NOW), 2); /* his country before his area */
    assert_int_equal(found("DE", "FR", "EU", true, NOW), 3);
    assert_int_equal(found("DE", "FR", "EU", false, NOW), 5); /* a consumer of a country without a rule */
    assert_int_equal(found("DE", "AT", "EU", false, NOW), 4);
    assert_int_equal(found("DE", "AT", "EU", true, NOW), 3);
    assert_int_equal(found("DE", "US", "", true, NOW), 5);
    assert_int_equal(found("CN", "DE", "EU", true, NOW), 1);
}

static void a_rule_holds_from_its_second_on(void **state)
{
    (void)state;
    assert_int_equal(found("DE", "DE", "EU", false, NOW + 99), 2);
    assert_int_equal(found("DE", "DE", "EU", false, NOW + 100), 6); /* the later of two that say the same */
    assert_int_equal(found("DE", "DE", "EU", false, NOW + 199), 6);
    assert_int_equal(found("DE", "DE", "EU", false, NOW + 200), 2);
    const dm_tax_rule *r = NULL;
    const dm_tax_case of = {"DE", "DE", "", false, NOW};
    assert_int_equal(dm_tax_find(rules, 0, &of, &r), DM_TAX_NONE);
    assert_null(r);
}

static void a_rule_says_what_en_16931_takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < DM_LEN(rules); i++)
        assert_int_equal(dm_tax_check(&rules[i], NULL), 0);
    static const dm_tax_rule wrong[] = {
            {.category = "X", .business = -1},
            {.category = "S", .business = -1},                                     /* no rate */
            {.category = "S", .business = -1, .rate_ppm = 190000, .reason = "so"}, /* BR-S-10 */
            {.category = "S", .business = -1, .rate_ppm = 1000001},
            {.category = "Z", .business = -1, .rate_ppm = 1},
            {.category = "Z", .business = -1, .reason_code = "VATEX-EU-O"}, /* BR-Z-10 */
            {.category = "E", .business = -1},                              /* BR-E-10 */
            {.category = "O", .business = -1},
            {.category = "AE", .business = 1, .reason = "Reverse charge"}, /* and is none */
            {.category = "AE", .business = -1, .reason = "Reverse charge", .reverse_charge = true},
            {.category = "E", .business = 1, .reason = "x", .reverse_charge = true},
    };
    for (size_t i = 0; i < DM_LEN(wrong); i++)
        assert_int_equal(dm_tax_check(&wrong[i], NULL), DM_E_INVALID);
}

static dm_money minor(const char *text)
{
    dm_money m;
    assert_int_equal(dm_money_parse(dm_str_c(text), &m, NULL), 0);
    return m;
}

static void tax_is_on_the_rounded_sum_and_rounded_once(void **state)
{
    static const struct {
        const char *base;
        uint32_t ppm;
        unsigned decimals;
        const char *tax;
    } cases[] = {{"100.00", 190000, 2, "19.00"}, {"0.03", 190000, 2, "0.01"}, {"0.02", 250000, 2, "0.01"},
            {"-0.02", 250000, 2, "-0.01"}, {"0.02", 249999, 2, "0.00"}, {"1.00", 77000, 2, "0.08"},
            {"7", 100000, 0, "1"}, {"-5", 100000, 0, "-1"}, {"4", 100000, 0, "0"}, {"0.010", 50000, 3, "0.001"},
            {"10.00", 88750, 2, "0.89"}, {"123.45", 0, 2, "0.00"},
            {"99999999999999999999.99", 1000000, 2, "99999999999999999999.99"}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        char text[DM_MONEY_TEXT];
        dm_money out;
        assert_int_equal(dm_tax_on(minor(cases[i].base), cases[i].ppm, cases[i].decimals, &out, NULL), 0);
        assert_int_equal(dm_minor_print(out, cases[i].decimals, text, NULL), 0);
        assert_string_equal(text, cases[i].tax);
    }
    dm_money out;
    assert_int_equal(dm_tax_on(minor("0.005"), 190000, 2, &out, NULL), DM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_rule_that_says_most_holds),
            cmocka_unit_test(a_rule_holds_from_its_second_on),
            cmocka_unit_test(a_rule_says_what_en_16931_takes),
            cmocka_unit_test(tax_is_on_the_rounded_sum_and_rounded_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
