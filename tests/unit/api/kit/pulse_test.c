/* What was asked in a minute and in an hour: counted, timed, and forgotten. */
#include "api/kit/pulse.h"
#include "tests/unit/test.h"

static dm_clock_fake fake;
static dm_pulse *pulse;

static int start(void **state)
{
    (void)state;
    dm_clock_fake_init(&fake, INT64_C(1800000000000000));
    return dm_pulse_new(&fake.base, &pulse, NULL);
}

static int stop(void **state)
{
    (void)state;
    dm_pulse_free(pulse);
    return 0;
}

static dm_pulse_seen look(int64_t span_s)
{
    dm_pulse_seen seen;
    dm_pulse_look(pulse, DM_PULSE_V1, span_s, &seen);
    return seen;
}

static uint64_t errors(const dm_pulse_seen *seen, int status)
{
    for (size_t i = 0; i < DM_PULSE_STATUSES; i++)
        if (dm_pulse_statuses[i] == status)
            return seen->errors[i];
    fail();
    return 0;
}

static void mouths_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        dm_pulse_mouth mouth;
    } all[] = {{"/v1/ops/accounts", DM_PULSE_OPS}, {"/v1/workers/enrol", DM_PULSE_UPLINK}, {"/v1/me", DM_PULSE_V1},
            {"/nodes/{id}", DM_PULSE_OPS}, {"/door", DM_PULSE_DOOR}, {"/v2/sandboxes", DM_PULSE_E2B},
            {"/nowhere", DM_PULSE_E2B}};
    for (size_t i = 0; i < DM_LEN(all); i++)
        assert_int_equal(dm_pulse_of(dm_str_c(all[i].path)), all[i].mouth);
    dm_pulse_add(NULL, DM_PULSE_V1, 200, 1);
}

static void times_and_errors(void **state)
{
    (void)state;
    assert_int_equal(look(60).count, 0);
    assert_int_equal(look(60).p99_us, 0);
    for (int i = 0; i < 98; i++)
        dm_pulse_add(pulse, DM_PULSE_V1, 200, 900);
    dm_pulse_add(pulse, DM_PULSE_V1, 429, 40000);
    dm_pulse_add(pulse, DM_PULSE_V1, 418, INT64_C(61000000));
    dm_pulse_add(pulse, DM_PULSE_E2B, 500, 1);
    dm_pulse_seen seen = look(60);
    assert_int_equal(seen.count, 100);
    assert_int_equal(seen.p50_us, 1000);
    assert_int_equal(seen.p99_us, 50000);
    assert_int_equal(errors(&seen, 429), 1);
    assert_int_equal(errors(&seen, 0), 1);
    assert_int_equal(errors(&seen, 500), 0);
    for (int i = 0; i < 3; i++)
        dm_pulse_add(pulse, DM_PULSE_V1, 200, INT64_C(61000000));
    assert_true(look(60).p99_us == INT64_MAX);
}

static void a_minute_and_an_hour_pass(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) { /* one each ten seconds, for two minutes */
        dm_pulse_add(pulse, DM_PULSE_V1, 200, 1);
        dm_clock_fake_move(&fake, 10000000);
    }
    assert_in_range(look(60).count, 5, 6);
    assert_int_equal(look(3600).count, 12);
    dm_clock_fake_move(&fake, INT64_C(3480) * 1000000); /* an hour after the first of them */
    assert_in_range(look(3600).count, 11, 12);
    assert_int_equal(look(60).count, 0);
    dm_clock_fake_move(&fake, INT64_C(3600) * 1000000);
    assert_int_equal(look(3600).count, 0);
    dm_pulse_add(pulse, DM_PULSE_V1, 200, 1); /* where an old step stood */
    assert_int_equal(look(3600).count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(mouths_are_told_apart, start, stop),
            cmocka_unit_test_setup_teardown(times_and_errors, start, stop),
            cmocka_unit_test_setup_teardown(a_minute_and_an_hour_pass, start, stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
