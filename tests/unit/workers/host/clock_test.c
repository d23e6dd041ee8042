/* Usage time leans, and never jumps. */
#include "tests/unit/test.h"
#include "workers/host/clock.h"

static const int64_t second = 1000 * 1000;

static void it_moves_with_the_monotonic_clock(void **state)
{
    dm_clock_fake fake;
    dm_usage_clock c;
    (void)state;
    dm_clock_fake_init(&fake, 1000 * second);
    dm_usage_clock_start(&c, &fake.base);
    assert_int_equal(dm_usage_clock_now(&c), 1000 * second);
    dm_clock_fake_move(&fake, 7 * second);
    fake.wall += 3600 * second; /* a step */
    assert_int_equal(dm_usage_clock_now(&c), 1007 * second);
}

static void it_leans_by_a_millisecond_at_most(void **state)
{
    static const int64_t offs[] = {500000, -500000, 300, -300, 0, 1000000, -1000000};
    (void)state;
    for (size_t i = 0; i < DM_LEN(offs); i++) {
        dm_clock_fake fake;
        dm_usage_clock c;
        dm_clock_fake_init(&fake, 1000 * second);
        dm_usage_clock_start(&c, &fake.base);
        fake.wall += offs[i];
        int64_t before = dm_usage_clock_now(&c);
        dm_usage_clock_lean(&c, NULL);
        int64_t by = dm_usage_clock_now(&c) - before;
        assert_int_equal(by, offs[i] > 1000 ? 1000 : offs[i] < -1000 ? -1000 : offs[i]);
        assert_int_equal(c.err_us, offs[i] < 0 ? -offs[i] : offs[i]);
    }
}

static void a_step_is_told_and_not_followed(void **state)
{
    static const int64_t offs[] = {1000001, -1000001, 5000000000000};
    (void)state;
    for (size_t i = 0; i < DM_LEN(offs); i++) {
        dm_clock_fake fake;
        dm_usage_clock c;
        dm_clock_fake_init(&fake, 1000 * second);
        dm_usage_clock_start(&c, &fake.base);
        fake.wall += offs[i];
        dm_usage_clock_lean(&c, NULL);
        assert_int_equal(dm_usage_clock_now(&c), 1000 * second);
        int64_t off = offs[i] < 0 ? -offs[i] : offs[i];
        assert_int_equal(c.err_us, off > UINT32_MAX ? UINT32_MAX : off);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_moves_with_the_monotonic_clock),
            cmocka_unit_test(it_leans_by_a_millisecond_at_most),
            cmocka_unit_test(a_step_is_told_and_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
