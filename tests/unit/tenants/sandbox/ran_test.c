/* How many ran in a while: what it costs is bounded, whatever a project did before and whatever it does. On a real
 * PostgreSQL, as the role that clients are served by. */
/* Covers tenants/sandbox/sql_history.c. */
#include <stdio.h>

#include "tenants/sandbox/history.h"
#include "tenants/who/caller.h"
#include "tests/support/cluster.h"
#include "tests/unit/test.h"

static cluster pg;
static dm_pg *api;
static const dm_owner quiet = {.account = {1}, .project = {1}}, busy = {.account = {1}, .project = {2}};

enum { T0 = 1772323200, HOUR = 3600 }; /* 2026-03-01 */

/* Of the quiet project 60,000 changes by which nothing ran more or less, 12 hours of them before T0, and one sandbox
 * that ran for the hour after it. Of the busy one a start and an end in each second for 60,000 seconds; its hours
 * say 7. */
static const char rows[] =
        "INSERT INTO dm.account (legal_name, country, currency, tier) VALUES ('A', 'CN', 'CNY', 'payg');"
        "INSERT INTO dm.project (account_no, slug, name, region_no) VALUES (1, 'quiet', 'Q', 1), (1, 'busy', 'B', 1);"
        "INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, from_state, to_state, why, who)"
        " SELECT 1, 1, decode(lpad(to_hex(n), 32, '0'), 'hex'), to_timestamp(1772323200 - 43200 + n), 1, 'pausing',"
        " 'paused', 'test', 'test' FROM generate_series(1, 60000) n"
        " UNION ALL SELECT 1, 1, decode(lpad('ffffff', 32, '0'), 'hex'), to_timestamp(1772323200 + v.at), 1, v.f, v.t,"
        " 'test', 'test' FROM (VALUES (1, 'starting', 'running'), (3601, 'running', 'ended')) v (at, f, t)"
        " UNION ALL SELECT 1, 2, decode(lpad(to_hex(n), 32, '0'), 'hex'), to_timestamp(1772323200 + n + e * 0.5), 1,"
        " CASE e WHEN 0 THEN 'starting' ELSE 'running' END, CASE e WHEN 0 THEN 'running' ELSE 'ended' END, 'test', "
        "'test'"
        " FROM generate_series(0, 59999) n, generate_series(0, 1) e;"
        "INSERT INTO dm.project_series (account_no, project_no, step_s, at, created, failed, running)"
        " SELECT 1, 2, 3600, to_timestamp(1772323200 + h * 3600), 7200, 0, 7 FROM generate_series(0, 16) h;"
        "ANALYZE dm.sandbox_event";

typedef struct reading {
    dm_owner owner;
    dm_history h;
    dm_history_point points[24];
} reading;

static int do_read(dm_pg *c, void *arg, dm_err *err)
{
    reading *r = arg;
    return dm_history_read(c, r->owner, &r->h, r->points, err);
}

static void read_hours(reading *r, dm_owner owner, int64_t hours)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    dm_err err = {0};
    *r = (reading){.owner = owner, .h = {.start_s = T0, .step_s = HOUR, .points = hours}};
    if (dm_pg_tx_on(api, &scope, do_read, r, &err) < 0)
        fail_msg("%s", err.msg);
}

typedef struct plan {
    const dm_pg_stmt *explain;
    const char *read; /* the rows of the index that are read */
    bool by_index, once;
} plan;

static const dm_pg_stmt of_quiet = {"explain_quiet",
        "EXPLAIN (ANALYZE, TIMING OFF) EXECUTE history_read (1, 1, 1772323200, 3600, 3, 50000)", DM_PG_ROWS};
static const dm_pg_stmt of_busy = {"explain_busy",
        "EXPLAIN (ANALYZE, TIMING OFF) EXECUTE history_read (1, 2, 1772323200, 60, 1000, 50000)", DM_PG_ROWS};

static int do_explain(dm_pg *c, void *arg, dm_err *err)
{
    plan *p = arg;
    DM_AUTO(dm_pg_rows) lines = NULL;
    int r = dm_pg_exec(c, p->explain, NULL, 0, &lines, NULL, err);
    p->once = true;
    for (size_t i = 0; r == 0 && i < dm_pg_count(lines); i++) {
        char line[400];
        (void)snprintf(line, sizeof line, "%.*s", (int)dm_pg_str(lines, i, 0).n, dm_pg_str(lines, i, 0).p);
        (void)printf("%s\n", line);
        p->by_index =
                p->by_index || (strstr(line, "using sandbox_event_ran ") != NULL && strstr(line, p->read) != NULL);
        if (strstr(line, "CTE Scan on ev") != NULL && strstr(line, "loops=1)") == NULL)
            p->once = false; /* as often as there are points */
    }
    return r;
}

/* As it was prepared a moment ago. */
static void expect_plan(dm_owner owner, plan p)
{
    const dm_pg_scope scope = dm_scope_of(owner);
    dm_err err = {0};
    if (dm_pg_tx_on(api, &scope, do_explain, &p, &err) < 0)
        fail_msg("%s", err.msg);
    assert_true(p.by_index);
    assert_true(p.once);
}

static void what_changed_nothing_is_not_read(void **state)
{
    static reading r;
    (void)state;
    read_hours(&r, quiet, 3);
    static const dm_history_point wanted[] = {{1, 1}, {1, 0}, {0, 0}};
    for (size_t i = 0; i < DM_LEN(wanted); i++) {
        assert_int_equal(r.points[i].running, wanted[i].running);
        assert_int_equal(r.points[i].started, wanted[i].started);
    }
    expect_plan(quiet, (plan){.explain = &of_quiet, .read = "rows=2 loops=1"});
}

/* The newest 50,000 changes are the last 25,000 seconds: from 35,000 s on, in the tenth hour. */
static void what_is_too_much_is_told_by_the_hour(void **state)
{
    static reading r;
    (void)state;
    read_hours(&r, busy, 17);
    for (size_t i = 0; i < 17; i++) {
        bool by_hour = i <= 9;
        assert_int_equal(r.points[i].running, by_hour ? 7 : 1);
        assert_int_equal(r.points[i].started, by_hour ? 7200 : i < 16 ? HOUR : 60000 - 16 * HOUR);
    }
    expect_plan(busy, (plan){.explain = &of_busy, .read = "rows=50000 loops=1"});
}

static int start(void **state)
{
    (void)state;
    if (cluster_make(&pg, "ran") < 0 || cluster_open(&pg, "ran", "dm_api", &api) < 0)
        return -1;
    (void)cluster_ask(pg.super, rows);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    dm_pg_close(api);
    return 0;
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_changed_nothing_is_not_read), cmocka_unit_test(what_is_too_much_is_told_by_the_hour)};
    return cmocka_run_group_tests(tests, start, stop);
}

int main(void)
{
    return cluster_main(&pg, all);
}
