#include <time.h>

#include "base/clock.h"

#include "tests/unit/test.h"

static void real_clock_is_the_machines(void **state)
{
    (void)state;
    int64_t wall = dm_wall_us(&dm_clock_real);
    time_t now = time(NULL);
    assert_true(wall / 1000000 >= now - 2 && wall / 1000000 <= now + 2);
    int64_t a = dm_mono_us(&dm_clock_real);
    int64_t b = dm_mono_us(&dm_clock_real);
    assert_true(a > 0 && b >= a);
}

static void fake_clock_stands_until_moved(void **state)
{
    (void)state;
    dm_clock_fake f;
    dm_clock_fake_init(&f, 1000);
    int64_t mono = dm_mono_us(&f.base);
    assert_int_equal(dm_wall_us(&f.base), 1000);
    dm_clock_fake_move(&f, 250);
    assert_int_equal(dm_wall_us(&f.base), 1250);
    assert_int_equal(dm_mono_us(&f.base), mono + 250);
}

static void seconds_round_down(void **state)
{
    (void)state;
    static const int64_t rows[][2] = {
            {0, 0}, {999999, 0}, {1000000, 1}, {-1, -1}, {-999999, -1}, {-1000000, -1}, {-1000001, -2}};
    for (size_t i = 0; i < DM_LEN(rows); i++)
        assert_true(dm_second_of(rows[i][0]) == rows[i][1]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
            cmocka_unit_test(real_clock_is_the_machines),
            cmocka_unit_test(fake_clock_stands_until_moved),
            cmocka_unit_test(seconds_round_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
