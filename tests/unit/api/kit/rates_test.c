#include "api/kit/rates.h"
#include "tests/unit/test.h"

static dm_clock_fake clock_fake;

static dm_rates *rates(void)
{
    dm_rates *r = NULL;
    dm_clock_fake_init(&clock_fake, 1800000000000000);
    assert_int_equal(dm_rates_new(&clock_fake.base, &r, NULL), 0);
    return r;
}

static unsigned taken(dm_rates *r, dm_rates_of of, int64_t project, int64_t per_s, unsigned n)
{
    dm_rates_left left;
    unsigned got = 0;
    for (unsigned i = 0; i < n; i++)
        got += dm_rates_take_us(r, of, (dm_project_no){project}, per_s, &left) == 0;
    return got;
}

static void twice_a_second_in_one_go(void **state)
{
    (void)state;
    DM_AUTO(dm_rates) r = rates();
    assert_int_equal(taken(r, DM_RATES_CREATES, 1, 10, 100), 20);
    assert_int_equal(taken(r, DM_RATES_REQUESTS, 1, 10, 100), 20); /* one is not the other */
    assert_int_equal(taken(r, DM_RATES_CREATES, 2, 10, 100), 20);  /* nor one project the other */
    dm_clock_fake_move(&clock_fake, 1000000);
    assert_int_equal(taken(r, DM_RATES_CREATES, 1, 10, 100), 10);
}

/* All instances together give the limit. */
static void instances_share_it(void **state)
{
    (void)state;
    unsigned all = 0;
    for (int i = 0; i < 4; i++) {
        DM_AUTO(dm_rates) r = rates();
        dm_rates_share(r, 4);
        all += taken(r, DM_RATES_CREATES, 1, 10, 100);
        dm_clock_fake_move(&clock_fake, 2000000);
        all += taken(r, DM_RATES_CREATES, 1, 10, 100);
    }
    assert_int_equal(all, 20 + 20);
    DM_AUTO(dm_rates) r = rates();
    dm_rates_share(r, 100); /* none is left without any */
    assert_int_equal(taken(r, DM_RATES_CREATES, 1, 10, 100), 1);
    dm_rates_share(r, 0); /* which nobody can count: as if it were alone */
    dm_clock_fake_move(&clock_fake, 100000000);
    assert_int_equal(taken(r, DM_RATES_CREATES, 1, 10, 100), 20);
}

static void nothing_of_a_rate_of_nothing(void **state)
{
    (void)state;
    DM_AUTO(dm_rates) r = rates();
    assert_int_equal(taken(r, DM_RATES_CREATES, 1, 0, 100), 0);
}

/* A limit that is changed binds with the next take, also when much was saved up, or nothing was left. */
static void a_change_binds_at_once(void **state)
{
    (void)state;
    DM_AUTO(dm_rates) r = rates();
    dm_rates_left left;
    assert_int_equal(taken(r, DM_RATES_CREATES, 1, 1, 100), 2);
    assert_int_equal(taken(r, DM_RATES_CREATES, 1, 100, 1000), 0);
    dm_clock_fake_move(&clock_fake, 2000000);
    assert_int_equal(taken(r, DM_RATES_CREATES, 1, 100, 1000), 200);
    assert_true(dm_rates_take_us(r, DM_RATES_CREATES, (dm_project_no){1}, 100, &left) > 0);
    assert_int_equal(left.limit, 200);
    assert_int_equal(left.tokens, 0);
    assert_int_equal(left.full_us, 2000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(twice_a_second_in_one_go), cmocka_unit_test(instances_share_it),
            cmocka_unit_test(nothing_of_a_rate_of_nothing), cmocka_unit_test(a_change_binds_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
