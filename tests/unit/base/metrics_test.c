#include <pthread.h>
#include <stdio.h>

#include "base/metrics.h"

#include "tests/unit/alloc_fail.h"
#include "tests/unit/test.h"

static const dm_metric plain = {"dm_plain_total", DM_COUNTER, NULL, "Things that\nhappened \\ or not."};
static const dm_metric by_kind = {"dm_kinds", DM_GAUGE, "kind", "Things by kind."};
static const dm_metric took = {"dm_took_seconds", DM_HISTOGRAM, NULL, "How long."};
static const dm_metric took_by = {"dm_a_took_seconds", DM_HISTOGRAM, "step", "How long each."};

static int open_metrics(void **state)
{
    dm_metrics *m = NULL;
    assert_int_equal(dm_metrics_new(&m, NULL), 0);
    *state = m;
    return 0;
}

static int close_metrics(void **state)
{
    dm_metrics_free(*state);
    return 0;
}

static char *print(dm_metrics *m)
{
    dm_buf b;
    dm_buf_init(&b, 1 << 20);
    assert_int_equal(dm_metrics_print(m, &b, NULL), 0);
    char *text = dm_buf_take(&b);
    assert_non_null(text);
    return text;
}

static void assert_prints(dm_metrics *m, const char *part)
{
    DM_AUTO_MEM char *text = print(m);
    if (strstr(text, part) == NULL)
        fail_msg("not printed: %s\nbut:\n%s", part, text);
}

static void numbers_are_printed_by_name_and_value(void **state)
{
    dm_metrics *m = *state;
    dm_metric_add(m, &plain, NULL, 2);
    dm_metric_add(m, &plain, NULL, 3);
    dm_metric_set(m, &by_kind, "z", 9);
    dm_metric_set(m, &by_kind, "z", -4);
    dm_metric_add(m, &by_kind, "a\"b\\\n", 1);
    DM_AUTO_MEM char *text = print(m);
    assert_string_equal(text, "# HELP dm_kinds Things by kind.\n"
                              "# TYPE dm_kinds gauge\n"
                              "dm_kinds{kind=\"a\\\"b\\\\\\n\"} 1\n"
                              "dm_kinds{kind=\"z\"} -4\n"
                              "# HELP dm_metrics_lost_total Updates that found no room among the metrics.\n"
                              "# TYPE dm_metrics_lost_total counter\n"
                              "dm_metrics_lost_total 0\n"
                              "# HELP dm_plain_total Things that\\nhappened \\\\ or not.\n"
                              "# TYPE dm_plain_total counter\n"
                              "dm_plain_total 5\n");
}

static void histograms_are_in_seconds(void **state)
{
    dm_metrics *m = *state;
    dm_metric_time(m, &took, NULL, 100); /* on a bound: counted below it */
    dm_metric_time(m, &took, NULL, 101); /* just above */
    dm_metric_time(m, &took, NULL, 1500000);
    dm_metric_time(m, &took, NULL, 61000000); /* past the last */
    dm_metric_time(m, &took, NULL, -5);       /* a clock that went back is no time at all */
    assert_prints(m, "# TYPE dm_took_seconds histogram\n"
                     "dm_took_seconds_bucket{le=\"0.0001\"} 2\n"
                     "dm_took_seconds_bucket{le=\"0.00025\"} 3\n"
                     "dm_took_seconds_bucket{le=\"0.0005\"} 3\n");
    assert_prints(m, "dm_took_seconds_bucket{le=\"1\"} 3\n"
                     "dm_took_seconds_bucket{le=\"2.5\"} 4\n");
    assert_prints(m, "dm_took_seconds_bucket{le=\"60\"} 4\n"
                     "dm_took_seconds_bucket{le=\"+Inf\"} 5\n"
                     "dm_took_seconds_sum 62.500201\n"
                     "dm_took_seconds_count 5\n");
    dm_metric_time(m, &took_by, "boot", 1000);
    assert_prints(m, "dm_a_took_seconds_bucket{step=\"boot\",le=\"0.0005\"} 0\n"
                     "dm_a_took_seconds_bucket{step=\"boot\",le=\"0.001\"} 1\n");
    assert_prints(m, "dm_a_took_seconds_sum{step=\"boot\"} 0.001\n"
                     "dm_a_took_seconds_count{step=\"boot\"} 1\n");
}

static void past_64_values_all_are_other(void **state)
{
    dm_metrics *m = *state;
    dm_metric_add(m, &by_kind, "other", 1); /* by name as well */
    for (int i = 0; i < 100; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "v%d", i);
        dm_metric_add(m, &by_kind, value, 1);
    }
    dm_metric_add(m, &by_kind, "v63", 1); /* those that have a place keep it */
    char big[300];
    memset(big, 'b', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    dm_metric_add(m, &by_kind, big, 1);
    assert_prints(m, "dm_kinds{kind=\"other\"} 38\n"); /* 1, 36 and the long one */
    assert_prints(m, "dm_kinds{kind=\"v63\"} 2\n");
    assert_prints(m, "dm_kinds{kind=\"v0\"} 1\n");
    DM_AUTO_MEM char *text = print(m);
    assert_null(strstr(text, "v64"));
}

static void families_past_the_last_place_are_counted(void **state)
{
    dm_metrics *m = *state;
    static char names[300][16];
    static dm_metric rows[300];
    for (size_t i = 0; i < DM_LEN(rows); i++) {
        (void)snprintf(names[i], sizeof(names[i]), "dm_f%03zu", i);
        rows[i] = (dm_metric){names[i], DM_COUNTER, NULL, "x"};
        dm_metric_add(m, &rows[i], NULL, 1);
    }
    assert_prints(m, "dm_f000 1\n");
    assert_prints(m, "dm_f255 1\n");
    assert_prints(m, "dm_metrics_lost_total 44\n");
}

static void nobody_counting_is_fine(void **state)
{
    (void)state;
    dm_metric_add(NULL, &plain, NULL, 1);
    dm_metric_set(NULL, &plain, NULL, 1);
    dm_metric_time(NULL, &took, NULL, 1);
    dm_metrics_free(NULL);
}

static void a_full_buffer_is_said(void **state)
{
    dm_metrics *m = *state;
    DM_AUTO_BUF b;
    dm_buf_init(&b, 50);
    assert_int_equal(dm_metrics_print(m, &b, NULL), DM_E_LIMIT);
}

static void *count_a_lot(void *arg)
{
    dm_metrics *m = arg;
    for (int i = 0; i < 20000; i++) {
        char value[16];
        (void)snprintf(value, sizeof(value), "v%d", i % 80);
        dm_metric_add(m, &plain, NULL, 1);
        dm_metric_add(m, &by_kind, value, 1);
        dm_metric_time(m, &took_by, i % 2 ? "odd" : "even", i);
    }
    return NULL;
}

/* Threads that race for the first use of everything, and a printer beside them: no update is lost or misplaced. */
static void threads_lose_nothing(void **state)
{
    dm_metrics *m = *state;
    pthread_t t[4];
    for (size_t i = 0; i < DM_LEN(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, count_a_lot, m), 0);
    for (int i = 0; i < 20; i++) {
        DM_AUTO_MEM char *text = print(m);
    }
    for (size_t i = 0; i < DM_LEN(t); i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_prints(m, "dm_plain_total 80000\n");
    assert_prints(m, "dm_a_took_seconds_count{step=\"odd\"} 40000\n");
    DM_AUTO_MEM char *text = print(m);
    long long sum = 0;
    size_t lines = 0;
    for (const char *p = text; (p = strstr(p, "dm_kinds{kind=\"")) != NULL; p++) {
        const char *number = strstr(p, "} ");
        long long n = strtoll(number + 2, NULL, 10);
        assert_true(strncmp(p + 15, "other", 5) == 0 ? n == 16000 : n == 1000);
        sum += n;
        lines++;
    }
    assert_int_equal(sum, 80000);
    assert_int_equal(lines, 65);
}

static void without_memory_updates_are_counted_as_lost(void **state)
{
    dm_metrics *m = *state;
    int64_t failures = 0;
    for (alloc_fail_at(0); alloc_fail_next();) {
        dm_metric_add(m, &by_kind, "a", 1);
        /* What was made before the failure stays, so each turn starts anew at its first allocation. */
        if (alloc_fail_hit()) {
            failures++;
            alloc_fail.turn = -1;
        }
        if (failures == 3)
            break;
    }
    assert_int_equal(failures, 3);
    dm_metric_add(m, &by_kind, "a", 1);
    assert_prints(m, "dm_metrics_lost_total 3\n");
    assert_prints(m, "dm_kinds{kind=\"a\"} 1\n");
}

#define WITH_METRICS(test) cmocka_unit_test_setup_teardown(test, open_metrics, close_metrics)

int main(void)
{
    static const struct CMUnitTest tests[] = {
            WITH_METRICS(numbers_are_printed_by_name_and_value),
            WITH_METRICS(histograms_are_in_seconds),
            WITH_METRICS(past_64_values_all_are_other),
            WITH_METRICS(families_past_the_last_place_are_counted),
            WITH_METRICS(nobody_counting_is_fine),
            WITH_METRICS(a_full_buffer_is_said),
            WITH_METRICS(threads_lose_nothing),
            WITH_METRICS(without_memory_updates_are_counted_as_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
