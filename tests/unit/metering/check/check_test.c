/* What has to agree of a period agrees, and whatever is changed of it afterwards is found by the comparison that is
 * about it. */
/* Covers metering/check/check.c, metering/check/sql_check.c, metering/kit/chore.c. */
#include "metering/check/check.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

static int holds(void *arg, dm_pg *c, bool *held, dm_err *err)
{
    (void)c;
    (void)err;
    *held = *(const bool *)arg;
    return 0;
}

static int check_as(rig *r, bool held)
{
    dm_err err = {0};
    dm_chore_config c = {.pg = r->pg, .clock = &r->clock.base, .period_s = 60, .held = holds, .held_arg = &held};
    int x = dm_check(&c, &err);
    if (x < 0)
        fail_msg("%s", err.msg);
    return x;
}

static void check(rig *r)
{
    assert_int_equal(check_as(r, true), 0);
}

/* A period of two accounts by resources and one by minutes, closed: one sandbox runs and sleeps, with a disk that is
 * charged both ways; its rows say what the control plane saw. */
static void a_closed_period(rig *r, const char *db)
{
    rig_open(r, &pg, db, 60);
    r->acts[r->nacts++] = (act){1, 1, 1, 4, 2, 35 * GIB, 5, 52, -1, -1};
    r->acts[r->nacts++] = (act){2, 1, 2, 4, 2, 35 * GIB, 5, 30, 30, 60};
    r->acts[r->nacts++] = (act){3, 1, 3, 4, 1, GIB, 5, 52, -1, -1};
    rig_rows(r);
    work(r, 0, 30);
    feed(r);
    clock_at(r, 31);
    flush(r);
    work(r, 30, 60);
    feed(r);
    clock_at(r, 62);
    flush(r);
    assert_int_equal(close_due(r, -1), 1);
    char text[1600];
    (void)snprintf(text, sizeof(text),
            "SET session_replication_role = replica;"
            "UPDATE dm.sandbox SET created_at = dm.ts(%lld000000);"
            "UPDATE dm.journal_txn SET booked_at = dm.ts(%lld000000);"
            "INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, to_state, why, who)"
            " SELECT s.account_no, s.project_no, s.sandbox_id, dm.ts((%lld + e.at)::bigint * 1000000), 1, e.to_state, "
            "'', ''"
            " FROM dm.sandbox s, LATERAL (VALUES (4, 'starting'), (5, 'running'),"
            " (CASE s.account_no WHEN 2 THEN 30 ELSE 52 END, CASE s.account_no WHEN 2 THEN 'paused' ELSE 'ended' END))"
            " e (at, to_state) ORDER BY e.at;"
            "SET session_replication_role = DEFAULT",
            (long long)T0, (long long)T0 + 30, (long long)T0);
    sql(r, text);
}

static void what_is_whole_agrees(void **state)
{
    rig r;
    (void)state;
    a_closed_period(&r, "whole");
    check(&r);
    assert_sql(&r,
            "SELECT string_agg(check_no || ':' || compared || ':' || differ || detail, ' ' ORDER BY check_no) FROM "
            "dm.reconciliation",
            "1:3:0 2:3:0 3:1:0 4:2:0 5:3:0 6:3:0 7:0:0 8:0:0 9:0:0 10:3:0 11:1:0");
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly WHERE kind = 'unreconciled'", "0");
    sql(&r, "UPDATE dm.reconciliation SET at = at - interval '1 hour'");
    check(&r); /* what agrees is not compared again */
    assert_sql(&r, "SELECT count(*) FROM dm.reconciliation WHERE at > now() - interval '1 hour'", "0");
    /* the account of the day has one that runs and sleeps, with a disk that costs either way */
    sql(&r, "SET session_replication_role = replica; DELETE FROM dm.reconciliation; DELETE FROM dm.account WHERE "
            "account_no <> 2");
    check(&r);
    assert_sql(&r, "SELECT compared || ':' || differ || detail FROM dm.reconciliation WHERE check_no = 11", "1:0");
    rig_close(&r);
}

typedef struct fault {
    int no;          /* the comparison that finds it */
    const char *sql; /* what is done to the ledger, by whoever may do all */
    const char *words;
} fault;

static void what_was_changed_is_found(void **state)
{
    static const fault faults[] = {
            {1, "UPDATE dm.statement SET running_s = running_s + 1 WHERE account_no = 1",
                    "%account 1%48 by its statement%"},
            {1, "UPDATE dm.usage_period SET run_bits = set_bit(run_bits, 58, 1) WHERE account_no = 1",
                    "%account 1: 48 s%"},
            {1, "DELETE FROM dm.statement_line WHERE account_no = 1 AND sku = 'mem-run'", "%account 1%"},
            {2, "UPDATE dm.sandbox_event SET at = at - interval '20 s' WHERE to_state = 'ended' AND account_no = 1",
                    "%account 1: ran 27%"},
            {2, "UPDATE dm.statement SET hibernated_s = hibernated_s - 20 WHERE account_no = 2",
                    "account 2: %slept 30%"},
            {2, "UPDATE dm.statement SET hibernated_s = hibernated_s + 20 WHERE account_no = 2",
                    "account 2: %slept 30%"},
            {3,
                    "UPDATE dm.usage_chunk SET first_frame = first_frame + 2 WHERE first_frame = (SELECT "
                    "max(first_frame) FROM dm.usage_chunk)",
                    "worker 1, boot 1%"},
            {4,
                    "INSERT INTO dm.anomaly (kind, detail, at) SELECT 'offset_gap', 'dm.usage.v1 0: 7 are gone', "
                    "period_start FROM dm.period",
                    "dm.usage.v1 0%"},
            {5, "UPDATE dm.statement SET total = total + 1 WHERE account_no = 2", "account 2%"},
            {5, "DELETE FROM dm.statement_page WHERE account_no = 2", "account 2%pages%"},
            {5, "UPDATE dm.journal_txn SET idem_key = 'other' WHERE account_no = 3", "account 3%"},
            {6, "UPDATE dm.journal_entry SET amount = amount * 2 WHERE n = 1", "account %booking 1%"},
            {6, "UPDATE dm.journal_txn SET prev_hash = hash WHERE account_no = 2", "account 2, booking 1"},
            {6, "UPDATE dm.journal_txn SET hash = sha256('other') WHERE account_no = 1", "account 1, booking 1"},
            {11,
                    "DELETE FROM dm.account WHERE account_no > 1; UPDATE dm.price SET per_unit = per_unit + "
                    "0.000000000001",
                    "sandbox %"},
    };
    (void)state;
    for (size_t i = 0; i < DM_LEN(faults); i++) {
        const fault *f = &faults[i];
        rig r;
        char db[32], text[800];
        (void)snprintf(db, sizeof(db), "fault%zu", i);
        a_closed_period(&r, db);
        (void)snprintf(text, sizeof(text),
                "SET session_replication_role = replica; %s; SET session_replication_role = DEFAULT", f->sql);
        sql(&r, text);
        check(&r);
        (void)snprintf(text, sizeof(text),
                "SELECT coalesce(max(detail), 'agrees') FROM dm.reconciliation WHERE check_no = %d AND differ > 0 AND "
                "detail LIKE '%s'",
                f->no, f->words);
        if (strcmp(ask(&r, text), "agrees") == 0) {
            (void)snprintf(text, sizeof(text),
                    "SELECT compared || ' ' || differ || ' ' || detail FROM dm.reconciliation WHERE check_no = %d",
                    f->no);
            fail_msg("%s is not found by %d: %s", f->sql, f->no, ask(&r, text));
        }
        assert_sql(&r, "SELECT count(*) > 0 FROM dm.anomaly WHERE kind = 'unreconciled'", "t");
        rig_close(&r);
    }
}

static void what_differed_is_looked_at_again(void **state)
{
    rig r;
    (void)state;
    a_closed_period(&r, "again");
    sql(&r, "SET session_replication_role = replica; UPDATE dm.statement SET total = total + 1 WHERE account_no = 2");
    check(&r);
    assert_sql(&r, "SELECT differ FROM dm.reconciliation WHERE check_no = 5", "1");
    sql(&r, "UPDATE dm.statement SET total = total - 1 WHERE account_no = 2");
    check(&r); /* not yet */
    assert_sql(&r, "SELECT differ FROM dm.reconciliation WHERE check_no = 5", "1");
    sql(&r, "UPDATE dm.reconciliation SET at = at - interval '1 hour'");
    check(&r);
    assert_sql(&r, "SELECT differ FROM dm.reconciliation WHERE check_no = 5", "0");
    rig_close(&r);
}

static void a_zombie_writes_nothing(void **state)
{
    rig r;
    (void)state;
    a_closed_period(&r, "zombie");
    assert_int_equal(check_as(&r, false), DM_CHORE_ZOMBIE);
    assert_sql(&r, "SELECT count(*) FROM dm.reconciliation", "0");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_whole_agrees),
            cmocka_unit_test(what_was_changed_is_found),
            cmocka_unit_test(what_differed_is_looked_at_again),
            cmocka_unit_test(a_zombie_writes_nothing),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
