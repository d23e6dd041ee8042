/* A period that has ended is written while evidence is taken, against a real PostgreSQL: whatever is taken meanwhile,
 * and wherever this dies, it is the period that it would have been. */
/* Covers metering/ledger/close.c, metering/ledger/write.c, metering/ledger/aside.c. */
#include <unistd.h>

#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

enum { WAIT_MS = 60000 };

static cluster pg;

static act simple(unsigned sandbox, int64_t from, int64_t to)
{
    return (act){sandbox, 1, 1, 4, 2, GIB, from, to, -1, -1};
}

static void open_aside(rig *r, const char *db)
{
    rig_open(r, &pg, db, 60);
    ledger_stop(r);
    r->aside = true;
    ledger_start(r);
}

/* Until its work aside has ended, which the next close hears. */
static void wait_aside(rig *r)
{
    for (int ms = 0; !dm_ledger_goes_on(r->ledger) && ms < WAIT_MS; ms++)
        (void)usleep(1000);
    assert_true(dm_ledger_goes_on(r->ledger));
}

static void close_waits(rig *r, int64_t patient_from)
{
    dm_err err = {0};
    int x = dm_ledger_close(r->ledger, patient_from, &err);
    if (x != DM_LEDGER_WAIT)
        fail_msg("%d %s", x, err.msg);
}

static void close_writes(rig *r, int64_t patient_from)
{
    dm_err err = {0};
    int x = dm_ledger_close(r->ledger, patient_from, &err);
    if (x != 0)
        fail_msg("%d %s", x, err.msg);
}

/* Nobody's rows come into the period while this stands: it is being written until then. */
static void hold(rig *r)
{
    sql(r, "BEGIN; LOCK TABLE dm.usage_period IN SHARE MODE");
}

static void let_go(rig *r)
{
    sql(r, "COMMIT");
}

#define WAITING "FROM pg_locks WHERE NOT granted AND relation = 'dm.usage_period'::regclass"

/* Ended, decided of, and being written. */
static void begin(rig *r, int64_t to, int64_t patient_from)
{
    feed(r);
    flush(r);
    clock_at(r, to + (patient_from < 0 ? 2 : 602));
    hold(r);
    close_waits(r, patient_from);
    wait_aside(r); /* its oaths have been looked at */
    close_waits(r, patient_from);
    for (int ms = 0; strcmp(ask(r, "SELECT count(*) " WAITING), "1") != 0 && ms < WAIT_MS; ms++)
        (void)usleep(1000);
    assert_sql(r, "SELECT count(*) " WAITING, "1");
    close_waits(r, patient_from);
}

static void end(rig *r, int64_t patient_from)
{
    let_go(r);
    wait_aside(r);
    close_writes(r, patient_from);
}

static const char usage[] =
        "SELECT string_agg(concat_ws(' ', encode(sandbox_id, 'hex'), epoch, run_bits::text, hib_bits::text, "
        "disk_16mib::text), ',' ORDER BY sandbox_id, epoch) FROM dm.usage_period";

/* --- what is taken meanwhile -------------------------------------------------------------------------------- */

static void taking_goes_on(void **state)
{
    rig r, plain;
    (void)state;
    rig_open(&plain, &pg, "asideplain", 60);
    plain.acts[plain.nacts++] = simple(1, 5, 100);
    work(&plain, 0, 120);
    feed(&plain);
    flush(&plain);
    clock_at(&plain, 122);
    assert_int_equal(close_due(&plain, -1), 2);

    open_aside(&r, "aside");
    r.acts[r.nacts++] = simple(1, 5, 100);
    work(&r, 0, 60);
    begin(&r, 60, -1);
    work(&r, 60, 90);
    feed(&r);
    flush(&r);
    assert_sql(&r, "SELECT max(last_second) - 1772359200 FROM dm.usage_chunk", "89");
    assert_sql(&r, "SELECT next_offset::text FROM dm.consumer_offset WHERE topic = 'dm.usage.v1'", "90");
    assert_sql(&r, "SELECT count(*) FROM dm.period", "0");
    close_waits(&r, -1);
    end(&r, -1);
    assert_sql(&r, "SELECT count(*) FROM dm.period", "1");
    work(&r, 90, 120);
    begin(&r, 120, -1);
    end(&r, -1);
    assert_string_equal(ask(&r, usage), ask(&plain, usage));
    rig_close(&plain);
    rig_close(&r);
}

/* It is not sworn to yet: nothing is decided, and what is looked at aside is looked at again. */
static void an_oath_is_waited_for(void **state)
{
    rig r;
    (void)state;
    open_aside(&r, "asideoath");
    r.acts[r.nacts++] = simple(1, 5, 52);
    for (int64_t s = 0; s < 61; s++)
        work_second(&r, s);
    feed(&r);
    flush(&r);
    clock_at(&r, 62);
    for (int i = 0; i < 3; i++) {
        close_waits(&r, -1);
        wait_aside(&r);
        close_waits(&r, -1);
        assert_false(dm_ledger_goes_on(r.ledger));
    }
    assert_sql(&r, "SELECT count(*) FROM dm.worker_period", "0");
    swear(&r, 0, NULL);
    begin(&r, 60, -1);
    end(&r, -1);
    assert_sql(&r, "SELECT complete::text || attested::text FROM dm.worker_period", "truetrue");
    rig_close(&r);
}

/* Frames whose gap was written off a moment ago: they are late, as they would be a moment later, and the account's next
 * statement corrects what they change. */
static void what_comes_meanwhile_is_late(void **state)
{
    rig r;
    (void)state;
    open_aside(&r, "asidelate");
    r.acts[r.nacts++] = simple(1, 5, 52);
    r.acts[r.nacts++] = (act){2, 1, 1, 4, 2, GIB, 61, 72, -1, -1};
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 10);
    begin(&r, 60, T0);
    rig_bring(&r, kept, 10);
    assert_sql(&r, "SELECT sum(bit_count(run_bits)) FROM dm.usage_late", "10");
    end(&r, T0);
    assert_sql(&r, "SELECT bit_count(run_bits) FROM dm.usage_period", "37");
    assert_sql(&r, "SELECT complete FROM dm.worker_period", "f");
    work(&r, 60, 120);
    begin(&r, 120, -1);
    end(&r, -1);
    dm_err err = {0};
    assert_int_equal(bill_owed(&r, &err), 0);
    assert_sql(&r, "SELECT max(seconds) FROM dm.statement_line WHERE kind = 'correction'", "10");
    rig_forget(kept, 10);
    rig_close(&r);
}

/* The oath of a worker that was not waited for any longer. */
static void an_oath_that_comes_meanwhile_is_late(void **state)
{
    rig r;
    (void)state;
    open_aside(&r, "asidesworn");
    r.acts[r.nacts++] = simple(1, 5, 52);
    for (int64_t s = 0; s < 61; s++)
        work_second(&r, s);
    begin(&r, 60, T0);
    swear(&r, 0, NULL);
    feed(&r);
    flush(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.worker_period_late", "0");
    end(&r, T0);
    assert_sql(&r, "SELECT complete::text || attested::text FROM dm.worker_period", "truefalse");
    assert_sql(&r, "SELECT count(*) FROM dm.worker_period_late", "1");
    rig_close(&r);
}

/* --- who dies ----------------------------------------------------------------------------------------------- */

/* Between what was decided and what is written. Who comes next finds what was decided of the worker, whose gap is past
 * its mark by now. */
static void a_crash_while_it_is_written(void **state)
{
    rig r;
    (void)state;
    open_aside(&r, "asidecrash");
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    msg *kept = rig_keep_back(&r, 10, 10);
    begin(&r, 60, T0);
    assert_sql(&r, "SELECT string_agg(kind, ',' ORDER BY kind) FROM dm.anomaly", "frames_missing,worker_silent");
    /* Its connection is what dies first: else it would wait for ours. */
    sql(&r, "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted AND relation = "
            "'dm.usage_period'::regclass");
    ledger_crash(&r);
    let_go(&r);
    assert_sql(&r, "SELECT count(*) FROM dm.period", "0");
    close_waits(&r, -1); /* nothing is judged again: it is being written, with no patience asked for */
    wait_aside(&r);
    close_writes(&r, -1);
    assert_sql(&r, "SELECT complete::text || attested::text FROM dm.worker_period", "falsetrue");
    assert_sql(&r,
            "SELECT string_agg(concat_ws(' ', from_s - 1772359200, to_s - 1772359200, cause), ',') FROM dm.usage_gap",
            "10 19 frames_missing");
    assert_sql(&r, "SELECT bit_count(run_bits) FROM dm.usage_period", "37");
    assert_sql(&r, "SELECT string_agg(kind, ',' ORDER BY kind) FROM dm.anomaly", "frames_missing,worker_silent");
    rig_forget(kept, 10);
    rig_close(&r);
}

/* Another meter takes over meanwhile, at once; what was being written comes to nothing, and is written by that one. */
static void a_zombie_writes_no_period(void **state)
{
    rig r, second;
    dm_err err = {0};
    (void)state;
    open_aside(&r, "asidezombie");
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    begin(&r, 60, -1);
    second = r;
    ledger_start(&second);
    let_go(&r);
    wait_aside(&r);
    assert_int_equal(dm_ledger_close(r.ledger, -1, &err), DM_LEDGER_ZOMBIE);
    assert_sql(&r, "SELECT count(*) FROM dm.period", "0");
    assert_sql(&r, "SELECT count(*) FROM dm.usage_period", "0");
    close_waits(&second, -1);
    wait_aside(&second);
    close_writes(&second, -1);
    assert_sql(&r, "SELECT bit_count(run_bits) FROM dm.usage_period", "47");
    ledger_stop(&second);
    rig_close(&r);
}

/* Told to stop in the middle: it does, and nothing is half written. */
static void it_stops_when_told(void **state)
{
    rig r;
    (void)state;
    open_aside(&r, "asidestop");
    r.acts[r.nacts++] = simple(1, 5, 52);
    work(&r, 0, 60);
    feed(&r);
    flush(&r);
    clock_at(&r, 62);
    close_waits(&r, -1);
    ledger_crash(&r); /* waits for what looks at oaths */
    close_waits(&r, -1);
    wait_aside(&r);
    close_waits(&r, -1);
    wait_aside(&r);
    close_writes(&r, -1);
    assert_sql(&r, "SELECT bit_count(run_bits) FROM dm.usage_period", "47");
    rig_close(&r);
}

static int tests(void)
{
    const struct CMUnitTest all[] = {
            cmocka_unit_test(taking_goes_on),
            cmocka_unit_test(an_oath_is_waited_for),
            cmocka_unit_test(what_comes_meanwhile_is_late),
            cmocka_unit_test(an_oath_that_comes_meanwhile_is_late),
            cmocka_unit_test(a_crash_while_it_is_written),
            cmocka_unit_test(a_zombie_writes_no_period),
            cmocka_unit_test(it_stops_when_told),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(all, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, tests);
}
