#include "base/wire/period.h"

#include "tests/unit/test.h"

static void a_period_begins_at_multiples_of_its_length(void **state)
{
    (void)state;
    assert_int_equal(dm_period_start(1772359200, 3600), 1772359200);
    assert_int_equal(dm_period_start(1772359199, 3600), 1772355600);
    assert_int_equal(dm_period_start(1772362799, 3600), 1772359200);
    assert_int_equal(dm_period_start(0, 60), 0);
    assert_int_equal(dm_period_start(-1, 60), -60);
    assert_int_equal(dm_period_start(-60, 60), -60);
    assert_int_equal(dm_period_start(-61, 60), -120);
    for (int64_t s = -500; s < 500; s++) {
        int64_t start = dm_period_start(s, 120);
        assert_true(start <= s && s < start + 120);
        assert_true(dm_period_begins(start, 120));
        assert_int_equal(dm_period_begins(s, 120), start == s);
    }
}

static void an_hour_holds_a_whole_number_of_them(void **state)
{
    static const uint32_t fit[] = {60, 120, 180, 240, 300, 360, 600, 720, 900, 1200, 1800, 3600};
    size_t n = 0;
    (void)state;
    for (uint32_t s = 0; s <= 7200; s++) {
        bool listed = n < DM_LEN(fit) && fit[n] == s;
        assert_int_equal(dm_period_s_fits(s), listed);
        n += listed;
    }
    assert_int_equal(n, DM_LEN(fit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_period_begins_at_multiples_of_its_length),
            cmocka_unit_test(an_hour_holds_a_whole_number_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
