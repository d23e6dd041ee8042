/* What an open period has come to, as it is told while it goes on, against what its statement says then. */
/* Covers metering/live/spend.c, metering/live/tally.c, metering/live/terms.c, metering/live/sql_live.c,
 * metering/live/view.c, metering/rules/sum.c, metering/bill/day.c. */
#include <time.h>

#include "metering/live/tally.h"
#include "metering/live/view.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

enum { COUNTED = 64, PATIENCE_S = 60 };

static cluster pg;

typedef struct watch {
    rig r;
    dm_spend *spend;
    int64_t now_ms;
} watch;

static void watch_from(watch *w)
{
    dm_spend_config c = {.period_s = w->r.period_s, .held = dm_ledger_held, .held_arg = w->r.ledger};
    assert_int_equal(dm_spend_new(&c, &w->spend, NULL), 0);
    w->now_ms = 1000;
}

static void watch_open(watch *w, const char *db)
{
    rig_open(&w->r, &pg, db, 60);
    watch_from(w);
}

static void watch_close(watch *w)
{
    dm_spend_free(w->spend);
    rig_close(&w->r);
}

/* All that was taken so far is told. */
static void tell(watch *w)
{
    dm_counted c[COUNTED];
    int64_t newest;
    dm_err err = {0};
    size_t n = dm_ledger_counted(w->r.ledger, c, COUNTED, &newest);
    assert_true(n < COUNTED);
    assert_int_equal(dm_spend_take(w->spend, c, n, newest, NULL), 0);
    w->now_ms += 1000;
    if (dm_spend_round(w->spend, w->r.pg, w->now_ms, &err) != 0)
        fail_msg("%s", err.msg);
}

static void go(watch *w, int64_t from, int64_t to)
{
    work(&w->r, from, to);
    feed(&w->r);
    tell(w);
}

/* Up to a period's end, and two seconds on, without its oaths' being taken. */
static void state_all(watch *w, int64_t at)
{
    clock_at(&w->r, at);
    flush(&w->r);
    assert_true(close_due(&w->r, -1) > 0);
    tell(w);
}

#define SPENT(what, account) "SELECT " what " FROM dm.spend_of(" #account ", dm.ts(1772323200000000))"

static void what_is_told_is_what_is_stated(void **state)
{
    watch w;
    (void)state;
    watch_open(&w, "told");
    /* By resources: a size with a large disk that runs and sleeps, one in another project, one that is woken within the
     * second in which it fell asleep; and by pooled minutes. */
    w.r.acts[w.r.nacts++] = (act){1, 1, 1, 4, 2, 35 * GIB, 5, 40, 40, 60};
    w.r.acts[w.r.nacts++] = (act){2, 1, 4, 3, 2, GIB, 0, 47, -1, -1};
    w.r.acts[w.r.nacts++] = (act){3, 1, 1, 4, 2, 2 * GIB, 3, 20, 20, 21};
    w.r.acts[w.r.nacts++] = (act){3, 2, 1, 4, 2, 2 * GIB, 20, 50, -1, -1};
    w.r.acts[w.r.nacts++] = (act){4, 1, 3, 4, 1, 3 * GIB, 0, 50, 50, 60};
    rig_rows(&w.r);
    go(&w, 0, 30);
    assert_sql(&w.r,
            "SELECT string_agg(project_no || ' ' || running_s || ' ' || running, ', ' ORDER BY project_no) "
            "FROM dm.spend_open",
            "1 52 2, 3 30 1, 4 30 1");
    assert_sql(&w.r, "SELECT bool_and(through = dm.ts((1772359200 + 30) * 1000000::bigint)) FROM dm.spend_open", "t");
    assert_sql(&w.r, "SELECT per_second > 0 FROM dm.spend_open WHERE project_no = 1", "t");
    go(&w, 30, 62); /* and some seconds of the next one */
    char told[3][96], pooled[32];
    (void)snprintf(told[0], sizeof told[0], "%s",
            ask(&w.r, "SELECT sum(amount) FROM dm.spend_open WHERE account_no = 1 "
                      "AND period_start = dm.ts(1772359200000000)"));
    (void)snprintf(told[1], sizeof told[1], "%s",
            ask(&w.r, "SELECT sum(amount) FROM dm.spend_open WHERE account_no = 3 "
                      "AND period_start = dm.ts(1772359200000000)"));
    (void)snprintf(told[2], sizeof told[2], "%s", ask(&w.r, "SELECT amount FROM dm.spend_open WHERE project_no = 4"));
    (void)snprintf(
            pooled, sizeof pooled, "%s", ask(&w.r, "SELECT pooled_s FROM dm.spend_of(3, dm.ts(1772323200000000))"));
    assert_string_equal(pooled, "50");
    state_all(&w, 70);
    assert_sql(&w.r, "SELECT total FROM dm.statement WHERE account_no = 1", told[0]);
    assert_sql(&w.r, "SELECT sum(amount) FROM dm.statement_line WHERE account_no = 3 AND sku = 'disk-hib'", told[1]);
    assert_sql(&w.r, "SELECT sum(amount) FROM dm.statement_line WHERE project_no = 4", told[2]);
    assert_sql(&w.r, "SELECT pool_after_s FROM dm.statement WHERE account_no = 3", pooled);
    /* what is stated is let go of, and counts once */
    assert_sql(&w.r, "SELECT count(*) FROM dm.spend_open WHERE period_start = dm.ts(1772359200000000)", "0");
    assert_sql(&w.r, SPENT("amount", 1), told[0]);
    watch_close(&w);
}

static void budgets_follow(void **state)
{
    watch w;
    (void)state;
    watch_open(&w, "budgets");
    sql(&w.r, "INSERT INTO dm.account_limit (account_no, name, value, set_by, reason) VALUES (1, 'month_seconds_max', "
              "75, 'test', 'test')");
    w.r.acts[w.r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 300, -1, -1};
    w.r.acts[w.r.nacts++] = (act){2, 1, 4, 4, 2, GIB, 0, 300, -1, -1};
    rig_rows(&w.r);
#define USED "SELECT string_agg(project_no || ' ' || seconds, ', ' ORDER BY project_no) FROM dm.budget_use"
    go(&w, 0, 30);
    assert_sql(&w.r, USED, "0 60, 1 30, 4 30");
    assert_sql(&w.r,
            "SELECT bool_and(u.spent_micros = trunc(o.amount * 1000000)) FROM dm.budget_use u JOIN "
            "dm.spend_open o USING (account_no, project_no)",
            "t");
    go(&w, 30, 62);
    assert_sql(&w.r, USED, "0 124, 1 62, 4 62");
    state_all(&w, 70); /* the first minute is stated, and of the next two seconds are known */
    assert_sql(&w.r, USED, "0 124, 1 62, 4 62");
    assert_sql(&w.r, "SELECT sum(running_s) FROM dm.usage_day WHERE sku = '' AND project_no = 4", "60");
    go(&w, 62, 100);
    assert_sql(&w.r, USED, "0 200, 1 100, 4 100");
    /* a new meter reckons the same from what it finds */
    dm_spend_free(w.spend);
    flush(&w.r);
    ledger_crash(&w.r);
    sql(&w.r, "DELETE FROM dm.budget_use");
    watch_from(&w);
    tell(&w);
    assert_sql(&w.r, USED, "0 200, 1 100, 4 100");
    assert_sql(&w.r, "SELECT amount = 200 * (0.0000217 + 2 * 0.00001083) FROM dm.spend_of(1, dm.ts(1772323200000000))",
            "t");
    watch_close(&w);
}

/* The month of UTC ends at midnight: what comes after it is of the next one. */
static void a_month_ends_at_midnight(void **state)
{
    watch w;
    (void)state;
    int64_t was = rig_t0;
    rig_t0 = 1775001600 - 60; /* 2026-03-31T23:59:00Z */
    watch_open(&w, "midnight");
    w.r.acts[w.r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 100, -1, -1};
    rig_rows(&w.r);
    go(&w, 0, 90);
    assert_sql(&w.r,
            "SELECT string_agg(month || ' ' || seconds, ', ' ORDER BY month) FROM dm.budget_use WHERE "
            "project_no = 0",
            "2026-03-01 60, 2026-04-01 30");
    watch_close(&w);
    rig_t0 = was;
}

static void a_round_that_failed_is_made_good(void **state)
{
    watch w;
    dm_err err;
    dm_counted c[COUNTED];
    int64_t newest;
    (void)state;
    watch_open(&w, "failed");
    w.r.acts[w.r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 100, -1, -1};
    rig_rows(&w.r);
    go(&w, 0, 10);
    work(&w.r, 10, 20);
    feed(&w.r);
    sql(&w.r, "ALTER TABLE dm.budget_use ADD CONSTRAINT no CHECK (seconds < 11)");
    size_t n = dm_ledger_counted(w.r.ledger, c, COUNTED, &newest);
    assert_int_equal(dm_spend_take(w.spend, c, n, newest, NULL), 0);
    assert_true(dm_spend_round(w.spend, w.r.pg, w.now_ms += 1000, &err) < 0);
    sql(&w.r, "ALTER TABLE dm.budget_use DROP CONSTRAINT no");
    sql(&w.r, "SET session_replication_role = replica; DELETE FROM dm.spend_open; SET session_replication_role = "
              "DEFAULT");
    tell(&w);
    assert_sql(&w.r, "SELECT running_s FROM dm.spend_open", "20");
    assert_sql(&w.r, "SELECT seconds FROM dm.budget_use WHERE project_no = 1", "20");
    watch_close(&w);
}

static void who_was_taken_over_writes_nothing(void **state)
{
    watch w;
    dm_counted c[COUNTED];
    int64_t newest;
    (void)state;
    watch_open(&w, "zombie");
    w.r.acts[w.r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 100, -1, -1};
    rig_rows(&w.r);
    go(&w, 0, 10);
    work(&w.r, 10, 20);
    feed(&w.r);
    sql(&w.r, "UPDATE dm.meter_holder SET owner = gen_random_uuid()");
    size_t n = dm_ledger_counted(w.r.ledger, c, COUNTED, &newest);
    assert_int_equal(dm_spend_take(w.spend, c, n, newest, NULL), 0);
    assert_int_equal(dm_spend_round(w.spend, w.r.pg, w.now_ms += 1000, NULL), DM_SPEND_ZOMBIE);
    assert_sql(&w.r, "SELECT running_s FROM dm.spend_open", "10");
    watch_close(&w);
}

static void who_has_stopped_runs_no_more(void **state)
{
    watch w;
    (void)state;
    watch_open(&w, "stopped");
    w.r.acts[w.r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 10, -1, -1};
    w.r.acts[w.r.nacts++] = (act){2, 1, 4, 4, 2, GIB, 0, 50, -1, -1};
    rig_rows(&w.r);
    go(&w, 0, 10);
    assert_sql(&w.r, SPENT("running", 1), "0"); /* long ago, by the clock of the database */
    assert_sql(&w.r, "SELECT sum(running) FROM dm.spend_open", "2");
    go(&w, 10, 14);
    assert_sql(&w.r, "SELECT string_agg(running::text, ', ' ORDER BY project_no) FROM dm.spend_open", "0, 1");
    assert_sql(&w.r, "SELECT per_second = 0 FROM dm.spend_open WHERE project_no = 1", "t");
    watch_close(&w);
}

/* A database that stands still holds up the thread that tells, and nobody else. */
static void who_takes_evidence_waits_for_nothing(void **state)
{
    rig r;
    dm_counted *room = NULL;
    int64_t newest;
    const struct timespec step = {.tv_nsec = 5000000};
    (void)state;
    rig_open(&r, &pg, "thread", 60);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 0, 100, -1, -1};
    rig_rows(&r);
    DM_AUTO(dm_view) v = NULL;
    dm_view_config c = {.db = cluster_conninfo(&pg, r.db, "dm_meter"),
            .spend = {.period_s = 60, .held = dm_ledger_held, .held_arg = r.ledger}};
    assert_int_equal(dm_view_new(&c, &v, NULL), 0);
    sql(&r, "BEGIN; LOCK TABLE dm.spend_open IN EXCLUSIVE MODE");
    int given = 0;
    for (int64_t s = 0; s < 40; s++) {
        work(&r, s, s + 1);
        feed(&r);
        room = dm_view_room(v);
        if (room == NULL)
            continue; /* it has not taken what was given: nobody waits for that */
        size_t n = dm_ledger_counted(r.ledger, room, DM_VIEW_COUNTED_MAX, &newest);
        dm_view_give(v, n, newest);
        given++;
    }
    flush(&r);
    assert_true(given > 0);
    sql(&r, "COMMIT");
    const char *got = "";
    for (int i = 0; i < PATIENCE_S * 200 && strcmp(got, "40") != 0; i++) {
        room = dm_view_room(v);
        if (room != NULL)
            dm_view_give(v, dm_ledger_counted(r.ledger, room, DM_VIEW_COUNTED_MAX, &newest), newest);
        got = ask(&r, "SELECT coalesce(sum(running_s), 0) FROM dm.spend_open");
        (void)nanosleep(&step, NULL);
    }
    assert_string_equal(got, "40");
    dm_view_free(dm_steal(&v));
    rig_close(&r);
}

static void months_begin_where_the_calendar_says(void **state)
{
    (void)state;
    static const int64_t of[][2] = {{1772359200, 1772323200}, {1775001599, 1772323200}, {1775001600, 1775001600},
            {1709164800, 1706745600} /* 2024-02-29 */, {0, 0}, {951782400, 949363200} /* 2000-02-29 */,
            {4107542399, 4105123200} /* 2100-02-28 23:59:59 */, {4107542400, 4107542400}};
    for (size_t i = 0; i < DM_LEN(of); i++)
        assert_int_equal(dm_month_start(of[i][0]), of[i][1]);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(months_begin_where_the_calendar_says),
            cmocka_unit_test(what_is_told_is_what_is_stated),
            cmocka_unit_test(budgets_follow),
            cmocka_unit_test(a_month_ends_at_midnight),
            cmocka_unit_test(a_round_that_failed_is_made_good),
            cmocka_unit_test(who_was_taken_over_writes_nothing),
            cmocka_unit_test(who_has_stopped_runs_no_more),
            cmocka_unit_test(who_takes_evidence_waits_for_nothing),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
