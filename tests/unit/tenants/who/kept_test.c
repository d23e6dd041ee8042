#include "tenants/who/kept.h"
#include "tests/unit/test.h"

static dm_digest named(uint8_t place, uint8_t n)
{
    return (dm_digest){{place, place, n}};
}

static void kept_for_a_while_and_no_longer(void **state)
{
    (void)state;
    dm_clock_fake clock;
    DM_AUTO(dm_kept) k = NULL;
    dm_digest a = named(1, 1), b = named(1, 2);
    int v = 7;
    uint64_t mark;
    dm_clock_fake_init(&clock, 0);
    assert_int_equal(dm_kept_new(sizeof v, 1000, &clock.base, &k, NULL), 0);
    assert_false(dm_kept_get(k, &a, &v, &mark));
    dm_kept_put(k, &a, &v, INT64_MAX, mark);
    v = 0;
    assert_true(dm_kept_get(k, &a, &v, &mark));
    assert_int_equal(v, 7);
    dm_clock_fake_move(&clock, 1000000);
    assert_false(dm_kept_get(k, &a, &v, &mark));
    assert_true(dm_kept_met(k, &a, &v));
    assert_int_equal(v, 7);
    v = 8;
    dm_kept_put(k, &b, &v, INT64_MAX, mark); /* which has the same place, and there is room for both */
    assert_true(dm_kept_met(k, &a, NULL));
    assert_true(dm_kept_get(k, &b, &v, &mark));
    dm_kept_put(k, &b, &v, dm_mono_us(&clock.base) + 10, mark); /* its own end comes before ours */
    dm_clock_fake_move(&clock, 9);
    assert_true(dm_kept_get(k, &b, &v, &mark));
    dm_clock_fake_move(&clock, 1);
    assert_false(dm_kept_get(k, &b, &v, &mark));
    dm_kept_put(k, &b, &v, INT64_MAX, mark);
    dm_kept_drop(k, &a); /* is not there */
    assert_true(dm_kept_get(k, &b, &v, &mark));
    dm_kept_drop(k, &b);
    assert_false(dm_kept_get(k, &b, &v, &mark));
    assert_false(dm_kept_met(k, &b, NULL));
}

/* Those that meet in one place do not drive each other out, up to eight of them; then the oldest goes. */
static void names_that_meet(void **state)
{
    (void)state;
    dm_clock_fake clock;
    DM_AUTO(dm_kept) k = NULL;
    uint64_t mark;
    int v;
    dm_clock_fake_init(&clock, 0);
    assert_int_equal(dm_kept_new(sizeof v, 1000, &clock.base, &k, NULL), 0);
    for (int n = 0; n < 9; n++) {
        dm_digest name = named(1, (uint8_t)n);
        assert_false(dm_kept_get(k, &name, &v, &mark));
        dm_kept_put(k, &name, &n, INT64_MAX, mark);
        dm_clock_fake_move(&clock, 1);
    }
    for (int n = 0; n < 9; n++) {
        dm_digest name = named(1, (uint8_t)n);
        assert_int_equal(dm_kept_get(k, &name, &v, &mark), n > 0);
        if (n > 0)
            assert_int_equal(v, n);
    }
}

/* What was asked for before a change is not kept after it; a name that has no answer changes nothing of others'. */
static void an_answer_that_was_on_its_way(void **state)
{
    (void)state;
    DM_AUTO(dm_kept) k = NULL;
    dm_digest a = named(1, 1), b = named(2, 1);
    int v = 7;
    uint64_t before;
    assert_int_equal(dm_kept_new(sizeof v, 1000, &dm_clock_real, &k, NULL), 0);
    for (int how = 0; how < 3; how++) {
        assert_false(dm_kept_get(k, &a, &v, &before));
        if (how == 0)
            dm_kept_changed(k, &a);
        else if (how == 1)
            dm_kept_all_changed(k);
        else
            dm_kept_drop(k, &b);
        dm_kept_put(k, &a, &v, INT64_MAX, before);
        assert_int_equal(dm_kept_get(k, &a, &v, &before), how == 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_for_a_while_and_no_longer),
            cmocka_unit_test(names_that_meet), cmocka_unit_test(an_answer_that_was_on_its_way)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
