/* Who may what: the words of promises, held against the table. */
#include "tenants/who/right.h"
#include "tests/unit/test.h"

static bool has(dm_role role, dm_right right)
{
    return dm_may(dm_rights_of(role), right);
}

/* Each has what is written of him, and the next one above has that and more. */
static void roles_grow(void **state)
{
    (void)state;
    static const dm_role up[] = {DM_ROLE_VIEWER, DM_ROLE_DEVELOPER, DM_ROLE_ADMIN, DM_ROLE_OWNER};
    for (size_t i = 1; i < DM_LEN(up); i++) {
        dm_rights less = dm_rights_of(up[i - 1]), more = dm_rights_of(up[i]);
        assert_true((less & more) == less);
        assert_true(less != more);
    }
    dm_rights admin = dm_rights_of(DM_ROLE_ADMIN), billing = dm_rights_of(DM_ROLE_BILLING);
    assert_true((billing & admin) == billing);
}

static void each_may_what_is_promised(void **state)
{
    (void)state;
    assert_true(has(DM_ROLE_VIEWER, DM_RIGHT_SANDBOX_READ) && has(DM_ROLE_VIEWER, DM_RIGHT_USAGE_READ));
    assert_false(has(DM_ROLE_VIEWER, DM_RIGHT_SANDBOX_KILL));
    assert_false(has(DM_ROLE_VIEWER, DM_RIGHT_SANDBOX_REACH));
    assert_true(has(DM_ROLE_DEVELOPER, DM_RIGHT_SANDBOX_KILL) && has(DM_ROLE_DEVELOPER, DM_RIGHT_KEY_CHANGE));
    assert_false(has(DM_ROLE_DEVELOPER, DM_RIGHT_BILLING_READ));
    assert_true(has(DM_ROLE_BILLING, DM_RIGHT_BILLING_CHANGE) && has(DM_ROLE_BILLING, DM_RIGHT_USAGE_READ));
    assert_false(has(DM_ROLE_BILLING, DM_RIGHT_SANDBOX_READ));
    assert_true(has(DM_ROLE_ADMIN, DM_RIGHT_MEMBER_CHANGE));
    assert_false(has(DM_ROLE_ADMIN, DM_RIGHT_ACCOUNT_OWN));
    assert_true(has(DM_ROLE_OWNER, DM_RIGHT_ACCOUNT_OWN));
}

/* A key works; it makes no keys, and is nobody. An operator is no member, a member no operator. */
static void keys_and_operators_stand_beside(void **state)
{
    (void)state;
    assert_true(has(DM_ROLE_KEY, DM_RIGHT_SANDBOX_CREATE) && has(DM_ROLE_KEY, DM_RIGHT_BILLING_READ));
    assert_false(has(DM_ROLE_KEY, DM_RIGHT_KEY_CHANGE));
    assert_false(has(DM_ROLE_KEY, DM_RIGHT_MEMBER_READ));
    assert_false(has(DM_ROLE_KEY, DM_RIGHT_SELF));
    dm_rights operator_ = dm_rights_of(DM_ROLE_OPERATOR);
    for (unsigned role = 0; role < DM_ROLE_OPERATOR; role++)
        assert_true((dm_rights_of((dm_role)role) & operator_) == 0);
    assert_true(operator_ != 0);
}

static void all_have_names(void **state)
{
    (void)state;
    for (unsigned role = 0; role <= DM_ROLE_OWNER; role++)
        assert_int_equal(dm_role_named(dm_str_c(dm_role_name((dm_role)role))), role);
    assert_int_equal(dm_role_named(DM_STR("operator")), DM_ROLES);
    assert_int_equal(dm_role_named(DM_STR("key")), DM_ROLES);
    assert_int_equal(dm_role_named(DM_STR("")), DM_ROLES);
    assert_int_equal(dm_right_named(DM_STR("")), DM_RIGHT_NONE);
    assert_int_equal(dm_right_named(DM_STR("sandbox.fly")), DM_RIGHT_NONE);
    assert_false(dm_may(0, DM_RIGHT_SELF));
    assert_true(dm_may(0, DM_RIGHT_NONE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(roles_grow),
            cmocka_unit_test(each_may_what_is_promised),
            cmocka_unit_test(keys_and_operators_stand_beside),
            cmocka_unit_test(all_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
