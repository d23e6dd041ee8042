/* What a billing profile may say, without its row: sql_profile.c is tried by tests/unit/api/dm/account_test.c. */
#include "tenants/who/profile.h"
#include "tests/unit/test.h"

static bool ok(dm_profile_change w)
{
    return dm_profile_check(&w, NULL) == 0;
}

static void each_member_is_bounded(void **state)
{
    (void)state;
    char wide[DM_LEGAL_NAME_MAX + 2];
    memset(wide, 'x', sizeof wide);
    assert_true(ok((dm_profile_change){.name = DM_STR("Ada & Co")}));
    assert_false(ok((dm_profile_change){.name = DM_STR("")}));
    assert_false(ok((dm_profile_change){.name = {wide, DM_NAME_MAX + 1}}));
    assert_true(ok((dm_profile_change){.legal_name = {wide, DM_LEGAL_NAME_MAX}}));
    assert_false(ok((dm_profile_change){.legal_name = {wide, DM_LEGAL_NAME_MAX + 1}}));
    assert_false(ok((dm_profile_change){.legal_name = DM_STR("Ada\nCo")}));
    assert_true(ok((dm_profile_change){.address = DM_STR("")}));
    assert_true(ok((dm_profile_change){.address = DM_STR("1 Street\n2 Town\n3\n4\n5\n6")}));
    assert_false(ok((dm_profile_change){.address = DM_STR("1\n2\n3\n4\n5\n6\n7")}));
    assert_false(ok((dm_profile_change){.address = DM_STR("1\n\n3")}));
    assert_true(ok((dm_profile_change){.country = DM_STR("DE")}));
    assert_false(ok((dm_profile_change){.country = DM_STR("ZZ")}));
    assert_true(ok((dm_profile_change){.currency = DM_STR("EUR")}));
    assert_false(ok((dm_profile_change){.currency = DM_STR("XXX")}));
    assert_true(ok((dm_profile_change){.billing_cycle = DM_STR("hourly")}));
    assert_false(ok((dm_profile_change){.billing_cycle = DM_STR("daily")}));
    assert_true(ok((dm_profile_change){.tax_id = DM_STR("")}));
    assert_true(ok((dm_profile_change){.tax_id = DM_STR("DE 123 456 789")}));
    assert_false(ok((dm_profile_change){.tax_id = DM_STR("de123")}));
    assert_true(ok((dm_profile_change){.invoice_email = DM_STR("")}));
    assert_true(ok((dm_profile_change){.invoice_email = DM_STR("bills@ada.test")}));
    assert_false(ok((dm_profile_change){.invoice_email = DM_STR("nobody")}));
    assert_false(ok((dm_profile_change){.invoice_email = DM_STR("a@b\r\nBcc: c@d")}));
}

static void the_message_names_it(void **state)
{
    (void)state;
    dm_err err = {0};
    const dm_profile_change want = {.country = DM_STR("UK")};
    assert_int_equal(dm_profile_check(&want, &err), DM_E_INVALID);
    assert_non_null(strstr(err.msg, "\"country\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(each_member_is_bounded), cmocka_unit_test(the_message_names_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
