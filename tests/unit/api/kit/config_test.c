#include "api/kit/config.h"
#include "tests/unit/test.h"

static char invited[] = "invited";

/* What the API tells its workers is what the ledger closes: else a worker would attest periods that nobody knows. */
static void only_a_period_of_the_ledger_is_taken(void **state)
{
    static const struct {
        uint64_t period_s;
        int r;
    } cases[] = {{60, 0}, {120, 0}, {300, 0}, {3600, 0}, {90, DM_E_INVALID}, {61, DM_E_INVALID}, {420, DM_E_INVALID},
            {2400, DM_E_INVALID}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_api_config c = {.period_s = cases[i].period_s, .stuck_s = 1, .sign_up = invited};
        dm_err err = {0};
        assert_int_equal(dm_api_config_check(&c, &err), cases[i].r);
    }
}

/* Nor may the sweep take up what an instance that lives is still about. */
static void what_is_only_slow_is_not_stuck(void **state)
{
    dm_api_config c = {.period_s = 60,
            .wait_s = 45,
            .worker_wait_ms = 10000,
            .order_timeout_ms = 55000,
            .stuck_s = 111,
            .sign_up = invited};
    dm_err err = {0};
    (void)state;
    assert_int_equal(dm_api_config_check(&c, &err), 0);
    c.stuck_s = 110;
    assert_int_equal(dm_api_config_check(&c, &err), DM_E_INVALID);
    assert_non_null(strstr(err.msg, "110"));
}

static void only_a_word_for_sign_up_is_taken(void **state)
{
    char other[] = "everybody";
    dm_api_config c = {.period_s = 60, .stuck_s = 1, .sign_up = other};
    dm_err err = {0};
    (void)state;
    assert_int_equal(dm_api_config_check(&c, &err), DM_E_INVALID);
    c.sign_up = invited;
    assert_int_equal(dm_api_config_check(&c, &err), 0);
    c.password_mem_kib = 15;
    c.password_lanes = 2;
    assert_int_equal(dm_api_config_check(&c, &err), DM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_a_period_of_the_ledger_is_taken),
            cmocka_unit_test(what_is_only_slow_is_not_stuck), cmocka_unit_test(only_a_word_for_sign_up_is_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
