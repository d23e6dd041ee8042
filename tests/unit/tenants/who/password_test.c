#include <stdio.h>

#include "tenants/who/password.h"
#include "tests/unit/test.h"

static const dm_password_cost cheap = {64, 1, 1};

static void right_and_wrong(void **state)
{
    (void)state;
    char a[DM_PASSWORD_TEXT], b[DM_PASSWORD_TEXT];
    dm_err err = {0};
    assert_int_equal(dm_password_hash(&cheap, DM_STR("correct horse"), a, &err), 0);
    assert_int_equal(dm_password_hash(&cheap, DM_STR("correct horse"), b, &err), 0);
    assert_string_not_equal(a, b); /* a salt of its own each */
    assert_non_null(strstr(a, "$argon2id$v=19$m=64,t=1,p=1$"));
    assert_int_equal(dm_password_check(a, DM_STR("correct horse"), &err), 0);
    assert_int_equal(dm_password_check(a, DM_STR("correct horsf"), &err), DM_PASSWORD_WRONG);
    assert_int_equal(dm_password_check(a, DM_STR("correct horse "), &err), DM_PASSWORD_WRONG);
    assert_int_equal(dm_password_check(a, DM_STR(""), &err), DM_PASSWORD_WRONG);
    /* A NUL is a byte like others. */
    assert_int_equal(dm_password_hash(&cheap, (dm_str){"a\0b", 3}, a, &err), 0);
    assert_int_equal(dm_password_check(a, (dm_str){"a\0c", 3}, &err), DM_PASSWORD_WRONG);
    assert_int_equal(dm_password_check(a, (dm_str){"a\0b", 3}, &err), 0);
}

/* The text says what it cost; it is checked at that cost, and known to be another. */
static void the_cost_travels(void **state)
{
    (void)state;
    static const dm_password_cost others[] = {{128, 1, 1}, {64, 2, 1}, {64, 1, 2}, {640, 1, 1}};
    char a[DM_PASSWORD_TEXT];
    assert_int_equal(dm_password_hash(&cheap, DM_STR("correct horse"), a, NULL), 0);
    assert_false(dm_password_stale(a, &cheap));
    for (size_t i = 0; i < DM_LEN(others); i++) {
        char b[DM_PASSWORD_TEXT];
        assert_true(dm_password_stale(a, &others[i]));
        assert_int_equal(dm_password_hash(&others[i], DM_STR("correct horse"), b, NULL), 0);
        assert_true(dm_password_stale(b, &cheap));
        assert_int_equal(dm_password_check(b, DM_STR("correct horse"), NULL), 0);
    }
    assert_true(dm_password_stale("$argon2i$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$x", &cheap));
}

static void what_is_no_hash(void **state)
{
    (void)state;
    static const char *const not [] = {"", "x", "$argon2id$", "$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHQ$AAAA"};
    for (size_t i = 0; i < DM_LEN(not ); i++)
        assert_true(dm_password_check(not [i], DM_STR("x"), NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(right_and_wrong), cmocka_unit_test(the_cost_travels), cmocka_unit_test(what_is_no_hash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
