/* export_rows ROWS: an account with so many lines on a statement, in a throw-away PostgreSQL, exported as
 * dormouse-export does it, each time in a process of its own. A JSON object for each: dataset, format, rows, bytes, ms,
 * and the most memory that the process had, in KiB. */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"

#include "tests/support/exportrig.h"
#include "tests/unit/test.h"

static cluster pg;
static uint64_t lines;

/* Each sandbox has two lines, as most have, and its own quantities. */
static void fill(rig *r)
{
    char text[2400];
    long long n = (long long)lines;
    bill_minute(r, 1, MARCH, 1);
    (void)snprintf(text, sizeof text,
            "SET session_replication_role = replica;"
            "INSERT INTO dm.statement_line (account_no, period_start, line_no, kind, project_no, sandbox_id, epoch, "
            "region_no, spec_table, spec, compute_type, compute_quality, key_no, template_id, build_id, sku, tier, "
            "book_id, charge_from, charge_to, seconds, qty, per_unit, amount) SELECT 1, l.period_start, 100 + g, "
            "l.kind, "
            "l.project_no, decode(lpad(to_hex(458752 + g / 2), 32, '0'), 'hex'), l.epoch, l.region_no, l.spec_table, "
            "l.spec, l.compute_type, l.compute_quality, l.key_no, l.template_id, l.build_id, l.sku, l.tier, l.book_id, "
            "l.charge_from, l.charge_to, l.seconds, l.qty + g %% 3600, l.per_unit, (l.qty + g %% 3600) * l.per_unit "
            "FROM generate_series(1, %lld) g JOIN dm.statement_line l ON l.account_no = 1 AND l.line_no = 1 + g %% 2;"
            "INSERT INTO dm.sandbox (account_no, project_no, sandbox_id, state, epoch, region_no, worker_no, key_no, "
            "template_id, build_id, asked_vcpus, asked_mem_mib, spec_table, spec, disk_mib, secure, timeout_s, "
            "metadata) "
            "SELECT 1, 1, decode(lpad(to_hex(458752 + g), 32, '0'), 'hex'), 'running', 1, 2, 1, 1, "
            "'aaaaaaaaaaaaaaaaaaaa', '00000000-0000-4000-8000-000000000001', 1, 2048, 1, 4, 1024, false, 300, "
            "jsonb_build_object('team', 'team ' || g %% 50, 'run', g::text) FROM generate_series(0, %lld) g;"
            "SET session_replication_role = DEFAULT; ANALYZE",
            n, n / 2);
    sql(r, text);
}

/* In a process of its own, so that the memory is that of the export alone. */
static void one(desk *d, const char *set, const char *format)
{
    char key[80];
    int status = 0;
    (void)snprintf(key, sizeof key, "%s-%s", set, format);
    desk_order(d, 1, set, format, "2026-03-01", "2026-04-01", key);
    int64_t began = dm_mono_ms(&dm_clock_real);
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dm_hand h = d->h;
        struct rusage use = {0};
        dm_err err;
        int r = dm_pg_open(cluster_conninfo(&pg, d->r.db, "dm_export"), &h.say, &err);
        if (r == 0)
            r = dm_pg_open(cluster_conninfo(&pg, d->r.db, "dm_export"), &h.read, &err);
        if (r == 0)
            r = dm_job_next(&h, &err);
        (void)getrusage(RUSAGE_SELF, &use);
        if (r == 0)
            (void)fprintf(stderr, "{\"dataset\":\"%s\",\"format\":\"%s\",\"ms\":%lld,\"rss_kib\":%ld,", set, format,
                    (long long)(dm_mono_ms(&dm_clock_real) - began), use.ru_maxrss);
        _exit(r == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)fprintf(stderr, "\"rows\":%s,\"bytes\":%s}\n", desk_of(d, "rows_done", key), desk_of(d, "bytes", key));
}

static void run(void **state)
{
    static const char *const sets[] = {"cost", "focus-1.3"}, *const formats[] = {"csv", "parquet", "jsonl"};
    desk d = {0};
    (void)state;
    desk_open(&d, &pg, "bench");
    d.h.file_max = 16ULL << 30;
    fill(&d.r);
    for (size_t i = 0; i < DM_LEN(sets); i++)
        for (size_t k = 0; k < DM_LEN(formats); k++)
            one(&d, sets[i], formats[k]);
    desk_close(&d);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(run)};
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
    if (argc != 2 || dm_parse_u64(dm_str_c(argv[1]), 1, 10000000, &lines, NULL) < 0) {
        (void)fputs("export_rows ROWS\n", stderr);
        return 2;
    }
    return cluster_main(&pg, all);
}
