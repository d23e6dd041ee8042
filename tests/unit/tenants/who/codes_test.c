#include "tenants/who/codes.h"
#include "tests/unit/test.h"

static void countries_and_currencies(void **state)
{
    (void)state;
    static const char *const countries[] = {"AD", "CN", "DE", "GB", "ZW"}, *const none[] = {"", "ZZ", "UK", "de", "EU",
                                                                                   "DEU", "D ", "D"};
    static const char *const currencies[] = {"AED", "CNY", "EUR", "USD", "ZWG"}, *const nor[] = {"", "XXX", "XAU",
                                                                                         "eur", "EU", "EUR ", "DEM"};
    for (size_t i = 0; i < DM_LEN(countries); i++)
        assert_true(dm_country_ok(dm_str_c(countries[i])));
    for (size_t i = 0; i < DM_LEN(none); i++)
        assert_false(dm_country_ok(dm_str_c(none[i])));
    for (size_t i = 0; i < DM_LEN(currencies); i++)
        assert_true(dm_currency_ok(dm_str_c(currencies[i])));
    for (size_t i = 0; i < DM_LEN(nor); i++)
        assert_false(dm_currency_ok(dm_str_c(nor[i])));
}

/* ISO 3166-1 has 249 of them: counted by asking for every pair of letters. */
static void all_there_are(void **state)
{
    (void)state;
    unsigned n = 0;
    for (char a = 'A'; a <= 'Z'; a++)
        for (char b = 'A'; b <= 'Z'; b++)
            n += dm_country_ok((dm_str){(const char[]){a, b}, 2});
    assert_int_equal(n, 249);
}

static void tax_ids(void **state)
{
    (void)state;
    static const struct {
        const char *country, *id;
        bool ok;
    } cases[] = {
            {"DE", "DE123456789", true},
            {"DE", "DE 123 456 789", true},
            {"DE", "DE12345678", false},
            {"DE", "12/345/67890", true}, /* a number of another office: its form is nobody's to say */
            {"GR", "EL123456789", true},
            {"GR", "GR123456789", true}, /* no such prefix, and so another kind of number */
            {"AT", "ATU12345678", true},
            {"AT", "AT12345678", false},
            {"IE", "IE1A23456B", true},
            {"IE", "IE1234567AB", true},
            {"IE", "IE12345678", false},
            {"NL", "NL123456789B01", true},
            {"NL", "NL123456789A01", false},
            {"RO", "RO12", true},
            {"RO", "RO1", false},
            {"CN", "91110000600037341L", true},
            {"CN", "DE1", false}, /* too short for any */
            {"CN", "DE12", true},
            {"", "1234", true},
            {"US", "12-3456789", true},
            {"US", "12-3456789-", true},
            {"US", "----", false},
            {"US", "abc123", false},
            {"US", "12_34", false},
            {"US", "123456789012345678901234567890123", false},
    };
    for (size_t i = 0; i < DM_LEN(cases); i++)
        if (dm_tax_id_ok(dm_str_c(cases[i].country), dm_str_c(cases[i].id)) != cases[i].ok)
            fail_msg("%s %s", cases[i].country, cases[i].id);
}

static void ibans_and_bics(void **state)
{
    (void)state;
    static const char *const ibans[] = {"DE89370400440532013000", "GB29NWBK60161331926819", "NO9386011117947",
            "MT84MALT011000012345MTLCAST001S", "FR1420041010050500013M02606"};
    static const char *const not_ibans[] = {"", "DE", "DE89370400440532013001", "DE98370400440532013000",
            "DE89 3704 0044 0532 0130 00", "de89370400440532013000", "XX89370400440532013000", "D189370400440532013000",
            "DEA9370400440532013000", "NO938601111794", "DE8937040044053201300037040044053201300"};
    static const char *const bics[] = {"DEUTDEFF", "DEUTDEFF500", "NEDSZAJJXXX"};
    static const char *const not_bics[] = {"", "DEUTDEF", "DEUTDEFF50", "DEUTXXFF", "deutdeff", "DEUT-DEF"};
    for (size_t i = 0; i < DM_LEN(ibans); i++)
        if (!dm_iban_ok(dm_str_c(ibans[i])))
            fail_msg("%s", ibans[i]);
    for (size_t i = 0; i < DM_LEN(not_ibans); i++)
        if (dm_iban_ok(dm_str_c(not_ibans[i])))
            fail_msg("%s", not_ibans[i]);
    for (size_t i = 0; i < DM_LEN(bics); i++)
        assert_true(dm_bic_ok(dm_str_c(bics[i])));
    for (size_t i = 0; i < DM_LEN(not_bics); i++)
        assert_false(dm_bic_ok(dm_str_c(not_bics[i])));
}

/* One digit that is another, or two that change places, are found: that is what check digits are for. */
static void a_slip_is_found(void **state)
{
    (void)state;
    char text[] = "DE89370400440532013000";
    for (size_t i = 2; i < sizeof text - 1; i++) {
        char was = text[i];
        for (char c = '0'; c <= '9'; c++) {
            text[i] = c;
            assert_int_equal(dm_iban_ok(dm_str_c(text)), c == was);
        }
        text[i] = was;
        if (i > 2 && text[i - 1] != was) {
            text[i] = text[i - 1];
            text[i - 1] = was;
            assert_false(dm_iban_ok(dm_str_c(text)));
            text[i - 1] = text[i];
            text[i] = was;
        }
    }
    assert_true(dm_iban_ok(dm_str_c(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(countries_and_currencies), cmocka_unit_test(all_there_are),
            cmocka_unit_test(tax_ids), cmocka_unit_test(ibans_and_bics), cmocka_unit_test(a_slip_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
