/* Usage time leans, and never jumps; and what it begins with, whoever is wrong. */
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

static dm_clock_fake fake;

static dm_usage_clock begun(int64_t wall_s)
{
    dm_usage_clock c;
    dm_clock_fake_init(&fake, wall_s * second);
    fake.mono = 500 * second;
    dm_usage_clock_start(&c, &fake.base);
    return c;
}

/* The first start, or the first on a host that was booted anew. */
static void without_one_before_it_waits_for_the_house(void **state)
{
    static const struct {
        int64_t wall, house, is;
    } cases[] = {{1000, 1000, 1000}, {1001, 1000, 1001}, {3833, 1000, 1000}, {467, 1000, 1000}, {1000, 0, 1000}};
    (void)state;
    for (size_t i = 0; i < DM_LEN(cases); i++) {
        dm_usage_clock c = begun(cases[i].wall);
        assert_false(dm_usage_clock_sure(&c));
        dm_usage_clock_hear(&c, cases[i].house * second, 10000, NULL);
        assert_true(dm_usage_clock_sure(&c));
        assert_int_equal(dm_usage_clock_now(&c), cases[i].is * second);
        dm_usage_clock_hear(&c, 77 * second, 0, NULL); /* said again: seconds are under way */
        assert_int_equal(dm_usage_clock_now(&c), cases[i].is * second);
    }
}

/* An answer that was long under way says little. */
static void a_slow_word_moves_nothing_it_does_not_know(void **state)
{
    (void)state;
    dm_usage_clock c = begun(1003);
    dm_usage_clock_hear(&c, 1000 * second, 2 * second, NULL);
    assert_int_equal(dm_usage_clock_now(&c), 1003 * second);
}

static void a_silent_house_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    dm_usage_clock c = begun(5000);
    dm_clock_fake_move(&fake, 30 * second - 1);
    assert_false(dm_usage_clock_sure(&c));
    dm_clock_fake_move(&fake, 1);
    assert_true(dm_usage_clock_sure(&c));
    dm_usage_clock_hear(&c, 1000 * second, 0, NULL); /* too late: what was dated stays in one row */
    assert_int_equal(dm_usage_clock_now(&c), 5030 * second);
}

/* A daemon that was started anew while the wall was off. */
static void in_the_same_boot_it_goes_on(void **state)
{
    static const int64_t walls[] = {1000, 1000 + 2833, 1000 - 533};
    (void)state;
    for (size_t i = 0; i < DM_LEN(walls); i++) {
        dm_usage_clock c = begun(walls[i]);
        dm_usage_clock_go_on(&c, 990 * second, 490 * second, NULL);
        assert_true(dm_usage_clock_sure(&c));
        assert_int_equal(dm_usage_clock_now(&c), 1000 * second);
        dm_usage_clock_hear(&c, 1000 * second, 0, NULL);
        assert_int_equal(dm_usage_clock_now(&c), 1000 * second);
    }
}

/* The monotonic clock stood still while the host did. */
static void two_of_three_are_right(void **state)
{
    (void)state;
    dm_usage_clock c = begun(1000);
    dm_usage_clock_go_on(&c, 390 * second, 490 * second, NULL);
    assert_int_equal(dm_usage_clock_now(&c), 400 * second);
    dm_usage_clock_hear(&c, 1000 * second, 0, NULL);
    assert_int_equal(dm_usage_clock_now(&c), 1000 * second);
}

static void another_boots_moments_mean_nothing(void **state)
{
    (void)state;
    dm_usage_clock c = begun(1000);
    dm_usage_clock_go_on(&c, 990 * second, 501 * second, NULL);
    assert_false(dm_usage_clock_sure(&c));
    assert_int_equal(dm_usage_clock_now(&c), 1000 * second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_moves_with_the_monotonic_clock),
            cmocka_unit_test(it_leans_by_a_millisecond_at_most),
            cmocka_unit_test(a_step_is_told_and_not_followed),
            cmocka_unit_test(without_one_before_it_waits_for_the_house),
            cmocka_unit_test(a_slow_word_moves_nothing_it_does_not_know),
            cmocka_unit_test(a_silent_house_is_not_waited_for_for_ever),
            cmocka_unit_test(in_the_same_boot_it_goes_on),
            cmocka_unit_test(two_of_three_are_right),
            cmocka_unit_test(another_boots_moments_mean_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
