/* Statements are made beside the taking of evidence, which waits for none of it. */
#include <time.h>

#include "base/parse.h"

#include "metering/closer.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

enum { PATIENCE_S = 60 };

static cluster pg;

/* Until the answer is that one: what is waited for happens in another thread. */
static void until(rig *r, const char *text, const char *want)
{
    const struct timespec step = {.tv_nsec = 20000000};
    const char *got = "";
    for (int i = 0; i < PATIENCE_S * 50; i++) {
        got = ask(r, text);
        if (strcmp(got, want) == 0)
            return;
        (void)nanosleep(&step, NULL);
    }
    fail_msg("%s: %s, not %s, after %d s", text, got, want, PATIENCE_S);
}

static dm_closers *start(rig *r, unsigned n)
{
    dm_err err;
    dm_closers *out = NULL;
    dm_closers_config c = {.db = cluster_conninfo(&pg, r->db, "dm_meter"),
            .n = n,
            .every_ms = 600000,
            .bill = {.key = r->service, .held = dm_ledger_held, .held_arg = r->ledger}};
    if (dm_closers_new(&c, &out, &err) < 0)
        fail_msg("%s", err.msg);
    return out;
}

/* A period of the accounts 1 and 2, written, and a second one that is still open. */
static void a_period(rig *r, const char *db)
{
    dm_err err;
    rig_open(r, &pg, db, 60);
    r->acts[r->nacts++] = (act){1, 1, 1, 4, 2, GIB, 5, 52, -1, -1};
    r->acts[r->nacts++] = (act){2, 1, 2, 4, 2, GIB, 5, 52, -1, -1};
    rig_rows(r);
    work(r, 0, 60);
    feed(r);
    clock_at(r, 62);
    flush(r);
    assert_int_equal(dm_ledger_close(r->ledger, -1, &err), 0);
    assert_sql(r, "SELECT count(*) FROM dm.account_period WHERE state = 'open'", "2");
}

static void all_accounts_are_stated(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        rig r;
        char db[16];
        (void)snprintf(db, sizeof(db), "closers%u", n);
        a_period(&r, db);
        DM_AUTO(dm_closers) c = start(&r, n);
        until(&r, "SELECT count(*) FROM dm.statement", "2");
        until(&r, "SELECT count(*) FROM dm.period WHERE closed_at IS NOT NULL", "1");
        assert_int_equal(dm_closers_failed(c, NULL), 0);
        dm_closers_free(dm_steal(&c));
        rig_close(&r);
    }
}

static void a_word_wakes_them(void **state)
{
    rig r;
    dm_err err;
    (void)state;
    rig_open(&r, &pg, "word", 60);
    DM_AUTO(dm_closers) c = start(&r, 2);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 5, 52, -1, -1};
    rig_rows(&r);
    work(&r, 0, 60);
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_int_equal(dm_ledger_close(r.ledger, -1, &err), 0);
    dm_closers_wake(c);
    until(&r, "SELECT count(*) FROM dm.statement", "1");
    dm_closers_free(dm_steal(&c));
    rig_close(&r);
}

/* Evidence goes on in, up to the next period's rows, while a close stands in the middle of a page, in a transaction in
 * which it holds all that it ever holds. */
static void held_close_holds_no_evidence(rig *r, const char *db, const char *lock, const char *waits)
{
    dm_err err;
    a_period(r, db);
    sql(r, lock); /* of the test's own connection, until it commits */
    dm_closers *c = start(r, 2);
    until(r, waits, "t");
    work(r, 60, 120);
    feed(r);
    clock_at(r, 122);
    flush(r);
    assert_sql(r, "SELECT last_frame FROM dm.worker_mark", "120");
    assert_int_equal(dm_ledger_close(r->ledger, -1, &err), 0);
    assert_sql(r, "SELECT count(*) FROM dm.period", "2");
    assert_sql(r, "SELECT count(*) FROM dm.statement", "0");
    assert_sql(r, waits, "t"); /* it stood there all the while */
    sql(r, "COMMIT");
    until(r, "SELECT count(*) FROM dm.statement", "2");
    assert_int_equal(dm_closers_failed(c, NULL), 0);
    dm_closers_free(c);
    rig_close(r);
}

#define WAITING                                                                                                        \
    "SELECT count(*) > 0 FROM pg_stat_activity a WHERE a.datname = current_database() AND a.usename = 'dm_meter' "     \
    "AND cardinality(pg_blocking_pids(a.pid)) > 0"

static void frames_are_taken_while_a_close_is_held(void **state)
{
    rig r;
    (void)state;
    held_close_holds_no_evidence(&r, "heldrow", "BEGIN; SELECT 1 FROM dm.account_period FOR UPDATE", WAITING);
    held_close_holds_no_evidence(&r, "heldpage", "BEGIN; LOCK TABLE dm.statement_page IN EXCLUSIVE MODE", WAITING);
}

/* One that is told to stop does so, in the middle of whatever there is to do; the next one does it. */
static void they_stop_and_others_go_on(void **state)
{
    rig r;
    (void)state;
    a_period(&r, "stops");
    for (int i = 0; i < 5; i++)
        dm_closers_free(start(&r, 2));
    DM_AUTO(dm_closers) c = start(&r, 1);
    until(&r, "SELECT count(*) FROM dm.statement", "2");
    dm_closers_free(dm_steal(&c));
    rig_close(&r);
}

static void who_was_taken_over_says_so(void **state)
{
    rig r;
    dm_err err = {0};
    const struct timespec step = {.tv_nsec = 20000000};
    (void)state;
    a_period(&r, "taken");
    sql(&r, "UPDATE dm.meter_holder SET owner = gen_random_uuid()");
    DM_AUTO(dm_closers) c = start(&r, 1);
    for (int i = 0; i < PATIENCE_S * 50 && dm_closers_failed(c, &err) == 0; i++)
        (void)nanosleep(&step, NULL);
    assert_int_equal(dm_closers_failed(c, &err), DM_E_CONFLICT);
    assert_non_null(strstr(err.msg, "another meter"));
    assert_sql(&r, "SELECT count(*) FROM dm.statement", "0");
    dm_closers_free(dm_steal(&c));
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(all_accounts_are_stated),
            cmocka_unit_test(a_word_wakes_them),
            cmocka_unit_test(frames_are_taken_while_a_close_is_held),
            cmocka_unit_test(they_stop_and_others_go_on),
            cmocka_unit_test(who_was_taken_over_says_so),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
