/* Covers workers/guest/process/oom.c. */
#include "tests/unit/test.h"
#include "workers/guest/process/oom.h"
#include "workers/guest/who/metrics.h"

static void reads_proc(void **state)
{
    (void)state;
    dm_cpu_mark mark;
    dm_metrics_parse_stat(DM_STR("cpu  100 2 30 4000 50 6 7 8 9 10\ncpu0 1 2 3\n"), &mark);
    assert_int_equal(mark.total, 100 + 2 + 30 + 4000 + 50 + 6 + 7 + 8);
    assert_int_equal(mark.busy, 100 + 2 + 30 + 6 + 7 + 8);
    dm_metrics_parse_stat(DM_STR("garbage"), &mark);
    assert_int_equal(mark.total, 0);
    dm_metrics_now now = {.ts = 1};
    dm_metrics_parse_meminfo(
            DM_STR("MemTotal:   1000 kB\nMemFree: 1 kB\nMemAvailable:  400 kB\nCached:  50 kB\nHugePages_Total: 0\n"),
            &now);
    assert_int_equal(now.mem_total, 1024000);
    assert_int_equal(now.mem_used, 600 * 1024);
    assert_int_equal(now.mem_cache, 50 * 1024);
}

static void writes_and_measures(void **state)
{
    (void)state;
    dm_cpu_mark mark = {0, 0};
    dm_metrics_now now;
    DM_AUTO_BUF b;
    dm_jw w;
    dm_metrics_read(&mark, 5999999, &now);
    assert_int_equal(now.ts, 5);
    assert_true(now.cpus >= 1 && now.mem_total > now.mem_used && now.disk_total > 0 && now.cpu_hundredths <= 10000);
    now = (dm_metrics_now){.ts = 5, .cpus = 2, .cpu_hundredths = 317, .mem_total = 3 << 20};
    dm_buf_init(&b, 1000);
    dm_jw_init(&w, &b);
    dm_jw_obj(&w);
    dm_metrics_write(&w, &now);
    dm_jw_end(&w);
    assert_string_equal(b.p,
            "{\"ts\":5,\"cpu_count\":2,\"cpu_used_pct\":3.17,\"mem_total\":3145728,\"mem_used\":0,\"mem_cache\":0,"
            "\"mem_total_mib\":3,\"mem_used_mib\":0,\"disk_used\":0,\"disk_total\":0}");
}

static void reads_the_kernel_log(void **state)
{
    (void)state;
    pid_t pid = 0;
    char comm[16];
    assert_true(dm_oom_parse(
            DM_STR("3,742,8123,-;Out of memory: Killed process 190 (python3) total-vm:219284kB"), &pid, comm));
    assert_int_equal(pid, 190);
    assert_string_equal(comm, "python3");
    assert_true(dm_oom_parse(DM_STR("Memory cgroup out of memory: Killed process 7 (a) b) x"), &pid, comm));
    assert_int_equal(pid, 7);
    assert_false(dm_oom_parse(DM_STR("6,1,2,-;oom-kill:constraint=CONSTRAINT_NONE,task=python3,pid=190"), &pid, comm));
    assert_false(dm_oom_parse(DM_STR("Out of memory: Killed process x (y)"), &pid, comm));
    assert_false(dm_oom_parse(DM_STR(""), &pid, comm));
    char cure[256];
    dm_oom_cure(cure, sizeof(cure));
    assert_non_null(strstr(cure, "work in chunks"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads_proc), cmocka_unit_test(writes_and_measures),
            cmocka_unit_test(reads_the_kernel_log)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
