#include "metering/ledger/standing.h"
#include "tests/unit/test.h"

enum { WORKERS = 20000, ROWS_EACH = 5 };

static void finds_each_and_nobody_else(void **state)
{
    dm_standing v[] = {{.worker_no = {3}}, {.worker_no = {4}}, {.worker_no = {9}}};
    dm_standings s = {v, DM_LEN(v), 0};
    (void)state;
    for (uint64_t no = 0; no < 12; no++) {
        const dm_standing *w = dm_standing_of(&s, (dm_worker_no){no});
        assert_ptr_equal(w, no == 3 ? &v[0] : no == 4 ? &v[1] : no == 9 ? &v[2] : NULL);
    }
    s.n = 0;
    assert_null(dm_standing_of(&s, (dm_worker_no){3}));
}

/* A fleet of 20,000 and 100,000 rows: a scan took a thousand million comparisons. */
static void a_large_fleet_takes_few_steps(void **state)
{
    dm_standings s = {calloc(WORKERS, sizeof(*s.v)), WORKERS, 0};
    (void)state;
    assert_non_null(s.v);
    for (size_t i = 0; i < WORKERS; i++)
        s.v[i].worker_no.v = 2 * i + 1;
    for (size_t row = 0; row < (size_t)WORKERS * ROWS_EACH; row++) {
        uint64_t no = row * 7919 % (2u * WORKERS);
        const dm_standing *w = dm_standing_of(&s, (dm_worker_no){no});
        assert_int_equal(w != NULL, no % 2);
    }
    assert_true(s.steps <= (uint64_t)WORKERS * ROWS_EACH * 16); /* 2^15 > 20,000 */
    free(s.v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(finds_each_and_nobody_else),
            cmocka_unit_test(a_large_fleet_takes_few_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
