#include "base/rate.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

enum { EVERY_US = 100000, BURST = 5 };

static dm_clock_fake clock_fake;

static dm_rate *rate(void)
{
    const dm_rate_config config = {.every_us = EVERY_US, .burst = BURST, .clock = &clock_fake.base};
    dm_rate *r = NULL;
    dm_clock_fake_init(&clock_fake, 1800000000000000);
    assert_int_equal(dm_rate_new(&config, &r, NULL), 0);
    return r;
}

/* How many of n are given at once. */
static unsigned taken(dm_rate *r, uint64_t name, unsigned n)
{
    unsigned got = 0;
    for (unsigned i = 0; i < n; i++)
        got += dm_rate_take_us(r, name) == 0;
    return got;
}

static void a_rate_of_nothing_is_none(void **state)
{
    (void)state;
    dm_rate *r = NULL;
    dm_err err = {0};
    assert_int_equal(dm_rate_new(&(dm_rate_config){.every_us = 1, .clock = &dm_clock_real}, &r, &err), DM_E_INVALID);
    assert_int_equal(dm_rate_new(&(dm_rate_config){.burst = 1, .clock = &dm_clock_real}, &r, &err), DM_E_INVALID);
    assert_null(r);
}

static void a_burst_then_one_at_a_time(void **state)
{
    (void)state;
    DM_AUTO(dm_rate) r = rate();
    assert_int_equal(dm_rate_wait_us(r, 1), 0);
    assert_int_equal(taken(r, 1, 20), BURST);
    assert_int_equal(dm_rate_wait_us(r, 1), EVERY_US);
    assert_int_equal(dm_rate_take_us(r, 1), EVERY_US); /* to be refused costs nothing more */
    dm_clock_fake_move(&clock_fake, EVERY_US - 1);
    assert_int_equal(dm_rate_take_us(r, 1), 1);
    dm_clock_fake_move(&clock_fake, 1);
    assert_int_equal(taken(r, 1, 20), 1);
    dm_clock_fake_move(&clock_fake, 100 * EVERY_US);
    assert_int_equal(taken(r, 1, 20), BURST); /* and no more than that is saved up */
}

static void each_has_its_own(void **state)
{
    (void)state;
    DM_AUTO(dm_rate) r = rate();
    assert_int_equal(taken(r, 1, 20), BURST);
    assert_int_equal(taken(r, 2, 20), BURST);
    assert_int_equal(taken(r, 0, 20), BURST); /* a name like another */
    uint64_t a = dm_rate_name(r, DM_STR("192.0.2.1")), b = dm_rate_name(r, DM_STR("192.0.2.2"));
    assert_true(a != b && a == dm_rate_name(r, DM_STR("192.0.2.1")));
    DM_AUTO(dm_rate) other = rate();
    assert_true(dm_rate_name(other, DM_STR("192.0.2.1")) != a);
}

/* A million names: one that is in use is forgotten at most, none has to wait for what others did. */
static void a_crowd_makes_nobody_wait(void **state)
{
    (void)state;
    DM_AUTO(dm_rate) r = rate();
    for (uint64_t name = 1; name <= 1000000; name++)
        if (dm_rate_take_us(r, name) != 0)
            fail_msg("%llu waits", (unsigned long long)name);
    /* Who looks without taking moves nobody out. */
    assert_int_equal(taken(r, 7, 20), BURST);
    for (uint64_t name = 2000000; name < 2100000; name++)
        assert_int_equal(dm_rate_wait_us(r, name), 0);
    assert_int_equal(dm_rate_wait_us(r, 7), EVERY_US);
}

static void survives_want_of_memory(void **state)
{
    (void)state;
    const dm_rate_config config = {.every_us = EVERY_US, .burst = BURST, .clock = &clock_fake.base};
    for (alloc_fail_at(0); alloc_fail_next();) {
        DM_AUTO(dm_rate) r = NULL;
        assert_int_equal(dm_rate_new(&config, &r, NULL), alloc_fail_hit() ? DM_E_NOMEM : 0);
        assert_int_equal(r == NULL, alloc_fail_hit());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_rate_of_nothing_is_none),
            cmocka_unit_test(a_burst_then_one_at_a_time), cmocka_unit_test(each_has_its_own),
            cmocka_unit_test(a_crowd_makes_nobody_wait), cmocka_unit_test(survives_want_of_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
