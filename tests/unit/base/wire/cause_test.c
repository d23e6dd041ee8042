#include "base/wire/cause.h"

#include "tests/unit/test.h"

/* promises.md, section 5, written down once more: name, whose, credit where it ended. */
static const struct {
    const char *name;
    dm_cause_whose whose;
    bool credit;
} promised[] = {
        {"killed", DM_WHOSE_CUSTOMER, false},
        {"timeout", DM_WHOSE_CUSTOMER, false},
        {"idle", DM_WHOSE_CUSTOMER, false},
        {"paused", DM_WHOSE_CUSTOMER, false},
        {"guest_shutdown", DM_WHOSE_CUSTOMER, false},
        {"guest_panic", DM_WHOSE_CUSTOMER, false},
        {"out_of_memory", DM_WHOSE_CUSTOMER, false},
        {"allowance_exhausted", DM_WHOSE_POLICY, false},
        {"spend_cap", DM_WHOSE_POLICY, false},
        {"suspended_unpaid", DM_WHOSE_POLICY, false},
        {"retention_expired", DM_WHOSE_POLICY, false},
        {"operator_killed", DM_WHOSE_OPERATOR, true},
        {"operator_drained", DM_WHOSE_OPERATOR, true},
        {"host_lost", DM_WHOSE_OURS, true},
        {"vmm_crashed", DM_WHOSE_OURS, true},
        {"restore_failed", DM_WHOSE_OURS, true},
        {"start_failed", DM_WHOSE_OURS, true},
        {"evicted_memory_pressure", DM_WHOSE_OURS, true},
        {"wake_unanswered", DM_WHOSE_CUSTOMER, false},
};

static void the_list_is_the_promised_one(void **state)
{
    (void)state;
    assert_int_equal(DM_CAUSE_COUNT, DM_LEN(promised) + 1);
    for (size_t i = 0; i < DM_LEN(promised); i++) {
        dm_cause cause = DM_CAUSE_NONE;
        dm_err err = {0};
        assert_int_equal(dm_cause_parse(dm_str_c(promised[i].name), &cause, &err), 0);
        const dm_cause_row *row = dm_cause_get(cause);
        assert_string_equal(row->name, promised[i].name);
        assert_int_equal(row->whose, promised[i].whose);
        assert_int_equal(row->credit, promised[i].credit);
        assert_true(row->sleeps || row->ends); /* else it could be the cause of nothing */
    }
}

static void what_sleeps_and_what_ends(void **state)
{
    (void)state;
    static const dm_cause only_slept[] = {DM_CAUSE_IDLE, DM_CAUSE_PAUSED, DM_CAUSE_ALLOWANCE_EXHAUSTED,
            DM_CAUSE_SPEND_CAP, DM_CAUSE_SUSPENDED_UNPAID, DM_CAUSE_EVICTED_MEMORY_PRESSURE, DM_CAUSE_WAKE_UNANSWERED};
    static const dm_cause only_ended[] = {DM_CAUSE_KILLED, DM_CAUSE_GUEST_SHUTDOWN, DM_CAUSE_GUEST_PANIC,
            DM_CAUSE_OUT_OF_MEMORY, DM_CAUSE_RETENTION_EXPIRED, DM_CAUSE_OPERATOR_KILLED, DM_CAUSE_HOST_LOST,
            DM_CAUSE_VMM_CRASHED, DM_CAUSE_RESTORE_FAILED, DM_CAUSE_START_FAILED};
    for (size_t i = 0; i < DM_LEN(only_slept); i++)
        assert_true(dm_cause_get(only_slept[i])->sleeps && !dm_cause_get(only_slept[i])->ends);
    for (size_t i = 0; i < DM_LEN(only_ended); i++)
        assert_true(!dm_cause_get(only_ended[i])->sleeps && dm_cause_get(only_ended[i])->ends);
    assert_true(dm_cause_get(DM_CAUSE_TIMEOUT)->sleeps && dm_cause_get(DM_CAUSE_TIMEOUT)->ends);
}

static void nothing_else_is_a_cause(void **state)
{
    (void)state;
    static const dm_str cases[] = {DM_STR_INIT(""), DM_STR_INIT("unknown"), DM_STR_INIT("Killed"),
            DM_STR_INIT("killed "), DM_STR_INIT("kille"), DM_STR_INIT("killed\0"), DM_STR_INIT("none")};
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_cause cause = DM_CAUSE_COUNT;
        dm_err err = {0};
        assert_int_equal(dm_cause_parse(cases[i], &cause, &err), DM_E_INVALID);
        assert_int_equal(cause, DM_CAUSE_COUNT);
    }
    assert_string_equal(dm_cause_get(DM_CAUSE_NONE)->name, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_list_is_the_promised_one),
            cmocka_unit_test(what_sleeps_and_what_ends),
            cmocka_unit_test(nothing_else_is_a_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
