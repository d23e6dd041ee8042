#include <stdio.h>

#include "metering/rules/anomaly.h"
#include "tests/unit/test.h"

static void equals_are_counted(void **state)
{
    dm_anomalies l = {0};
    dm_anomaly a = {.kind = DM_ANOMALY_LATE, .worker_no = {1}, .period_start = 60}, b = a;
    (void)state;
    b.worker_no.v = 2;
    dm_anomalies_add(&l, &a, "first %d", 1);
    dm_anomalies_add(&l, &b, "other");
    a.count = 5;
    dm_anomalies_add(&l, &a, "second");
    assert_int_equal(l.n, 2);
    assert_int_equal(l.v[0].count, 6);
    assert_string_equal(l.v[0].detail, "first 1");
    a.kind = DM_ANOMALY_CLOCK;
    dm_anomalies_add(&l, &a, "third");
    assert_int_equal(l.n, 3);
    dm_anomalies_clear(&l);
    assert_int_equal(l.n, 0);
    dm_anomalies_done(&l);
}

static void the_list_is_bounded(void **state)
{
    dm_anomalies l = {0};
    (void)state;
    for (uint64_t i = 0; i < DM_ANOMALIES_MAX + 10; i++) {
        dm_anomaly a = {.kind = DM_ANOMALY_LATE, .worker_no = {i + 1}, .period_start = -1};
        dm_anomalies_add(&l, &a, "%0200d", 1);
    }
    assert_int_equal(l.n, DM_ANOMALIES_MAX);
    assert_int_equal(l.dropped, 10);
    assert_int_equal(strlen(l.v[0].detail), sizeof(l.v[0].detail) - 1);
    dm_anomalies_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(equals_are_counted),
            cmocka_unit_test(the_list_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
