
#include "tenants/sandbox/state.h"
#include "tests/unit/test.h"

/* Every state can be reached from the first, none but the last is a dead end, and each can come to its end. */
static void all_are_reachable(void **state)
{
    (void)state;
    size_t n;
    const dm_sandbox_step *steps = dm_sandbox_steps(&n);
    bool seen[DM_SANDBOX_STATES] = {[DM_SANDBOX_STARTING] = true};
    for (unsigned round = 0; round < DM_SANDBOX_STATES; round++)
        for (size_t i = 0; i < n; i++)
            if (seen[steps[i].from])
                seen[steps[i].to] = true;
    for (unsigned s = 0; s < DM_SANDBOX_STATES; s++)
        if (!seen[s])
            fail_msg("%s is never reached", dm_sandbox_state_name((dm_sandbox_state)s));
}

static void none_is_stuck(void **state)
{
    (void)state;
    size_t n;
    const dm_sandbox_step *steps = dm_sandbox_steps(&n);
    bool ends[DM_SANDBOX_STATES] = {[DM_SANDBOX_ENDED] = true};
    for (unsigned round = 0; round < DM_SANDBOX_STATES; round++)
        for (size_t i = 0; i < n; i++)
            if (ends[steps[i].to])
                ends[steps[i].from] = true;
    for (unsigned s = 0; s < DM_SANDBOX_STATES; s++)
        if (!ends[s])
            fail_msg("%s never ends", dm_sandbox_state_name((dm_sandbox_state)s));
    for (size_t i = 0; i < n; i++)
        assert_int_not_equal(steps[i].from, DM_SANDBOX_ENDED);
}

static void rows_are_unique_and_say_why(void **state)
{
    (void)state;
    size_t n;
    const dm_sandbox_step *steps = dm_sandbox_steps(&n);
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(steps[i].why) > 5);
        assert_ptr_equal(dm_sandbox_step_of(steps[i].from, steps[i].event), &steps[i]);
    }
}

/* What lives can be killed, and a worker's word that it is gone is taken in every state but the last. */
static void death_is_always_possible(void **state)
{
    (void)state;
    for (unsigned s = 0; s < DM_SANDBOX_ENDED; s++)
        assert_non_null(dm_sandbox_step_of((dm_sandbox_state)s, DM_SANDBOX_GONE));
    for (unsigned s = 0; s < DM_SANDBOX_ENDING; s++)
        assert_non_null(dm_sandbox_step_of((dm_sandbox_state)s, DM_SANDBOX_KILL));
}

/* Only a wake takes quota in a move: then the caller brings the limits. A start takes it when the row is made. */
static void quota_is_taken_by_resume_alone(void **state)
{
    (void)state;
    size_t n;
    const dm_sandbox_step *steps = dm_sandbox_steps(&n);
    for (size_t i = 0; i < n; i++)
        if (!dm_sandbox_holds(steps[i].from) && dm_sandbox_holds(steps[i].to))
            assert_int_equal(steps[i].event, DM_SANDBOX_RESUME);
    assert_true(dm_sandbox_holds(DM_SANDBOX_STARTING));
    assert_false(dm_sandbox_holds(DM_SANDBOX_PAUSED));
    assert_false(dm_sandbox_holds(DM_SANDBOX_ENDED));
}

static void names_go_both_ways(void **state)
{
    (void)state;
    for (unsigned s = 0; s < DM_SANDBOX_STATES; s++) {
        dm_sandbox_state back;
        assert_int_equal(dm_sandbox_state_parse(dm_str_c(dm_sandbox_state_name((dm_sandbox_state)s)), &back, NULL), 0);
        assert_int_equal(back, s);
    }
    dm_sandbox_state none;
    assert_int_equal(dm_sandbox_state_parse(DM_STR("runnin"), &none, NULL), DM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_are_reachable), cmocka_unit_test(none_is_stuck),
            cmocka_unit_test(rows_are_unique_and_say_why), cmocka_unit_test(death_is_always_possible),
            cmocka_unit_test(quota_is_taken_by_resume_alone), cmocka_unit_test(names_go_both_ways)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
