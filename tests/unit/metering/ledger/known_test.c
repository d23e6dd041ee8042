/* Workers that nobody enrolled, and workers that have only just, before a real ledger. */
#include "metering/ledger/own.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

/* A frame of another worker than the rig's; seal NULL: whoever's. */
static void frame_of(rig *r, uint64_t worker_no, uint64_t frame_no, dm_mac *seal, int64_t s)
{
    DM_AUTO_BUF b;
    const act a = {3, 1, 1, 4, 2, GIB, 0, 60, -1, -1};
    dm_sample sample = sample_of(&a, DM_SAMPLE_RUN, 1, true);
    dm_frame_head h = {.worker_no = worker_no,
            .worker_boot = 1,
            .frame_no = frame_no,
            .second = T0 + s,
            .complete_through = T0 + s,
            .parts = 1,
            .n = 1};
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, &sample, seal, NULL), 0);
    rig_add(r, &b, false, s);
}

static void enrol(rig *r, int no)
{
    char text[400];
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, enrolled_at) "
            "OVERRIDING SYSTEM VALUE VALUES (%d, 'n%d', 2, 1, 'w', 'tcg', 1, 1, dm.ts(1772359200 * 1000000::bigint))",
            no, no);
    sql(r, text);
}

static void a_stranger_has_no_place(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "stranger", 60);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 5, 52, -1, -1};
    work(&r, 0, 60);
    for (uint64_t n = 1; n <= 20; n++)
        frame_of(&r, 1000 + n, 1, NULL, 30);
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT string_agg(worker_no::text, ',') FROM dm.worker_mark", "1");
    assert_sql(&r, "SELECT string_agg(DISTINCT worker_no::text, ',') FROM dm.usage_chunk", "1");
    assert_sql(&r, "SELECT string_agg(DISTINCT worker_no::text, ',') FROM dm.usage_period", "1");
    assert_sql(&r, "SELECT running_s FROM dm.statement", "47");
    /* One note, and a dead letter each. */
    assert_sql(&r, "SELECT string_agg(kind || ': ' || detail, ',') FROM dm.anomaly",
            "unknown_worker: worker 1001 is not enrolled: its frames are dead letters (20 times)");
    assert_sql(&r,
            "SELECT count(DISTINCT payload->>'offset') FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1' AND "
            "payload->>'reason' = 'unknown_worker'",
            "20");
    rig_close(&r);
}

/* Its row is committed before it can frame anything; the meter's last look may have been before that. */
static void who_has_just_enrolled_loses_nothing(void **state)
{
    rig r;
    (void)state;
    static const uint8_t next[DM_KEY] = {4, 5, 6}; /* the secret is changed just then, too */
    rig_open(&r, &pg, "enrolled", 60);
    ledger_stop(&r);
    r.secret = next;
    r.secret_old = rig_frame_secret;
    ledger_start(&r);
    DM_AUTO(dm_mac) old = rig_seal(2);
    DM_AUTO(dm_mac) seal = rig_seal_under(next, 2, NULL);
    work(&r, 0, 60);
    for (int64_t s = 0; s < 30; s++)
        frame_of(&r, 2, (uint64_t)s + 1, s < 15 ? old : seal, s);
    enrol(&r, 2); /* after the ledger was opened */
    rig_sandbox(&r, 3, 1, 1, 4, 2, 1, -1);
    sql(&r, "UPDATE dm.sandbox SET worker_no = 2");
    feed(&r);
    flush(&r);
    for (int64_t s = 30; s < 60; s++)
        frame_of(&r, 2, (uint64_t)s + 1, seal, s);
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    assert_sql(&r, "SELECT last_frame FROM dm.worker_mark WHERE worker_no = 2", "60");
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly", "0");
    ledger_crash(&r);
    clock_at(&r, 700);
    assert_int_equal(close_due(&r, T0), 1); /* nobody swore for worker 2 */
    assert_sql(&r, "SELECT running_s FROM dm.statement", "60");
    rig_close(&r);
}

/* A meter that dies with frames held finds them in the stream again. */
static void what_is_held_is_not_read_past(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, &pg, "held", 60);
    DM_AUTO(dm_mac) seal = rig_seal(2);
    for (int64_t s = 0; s < 10; s++)
        frame_of(&r, 2, (uint64_t)s + 1, seal, s);
    feed(&r);
    enrol(&r, 2);
    ledger_crash(&r);
    feed(&r);
    flush(&r);
    assert_sql(&r, "SELECT last_frame FROM dm.worker_mark WHERE worker_no = 2", "10");
    assert_sql(&r, "SELECT count(*) FROM dm.outbox", "0");
    rig_close(&r);
}

/* As many as there are places, and one more, and some who have places from when they still got one. */
static void strangers_do_not_end_the_meter(void **state)
{
    rig r;
    unsigned flushes = 0;
    (void)state;
    rig_open(&r, &pg, "crowd", 60);
    ledger_stop(&r);
    sql(&r, "INSERT INTO dm.worker_mark SELECT n, 1, 1, 1772359200, 1772359200 FROM generate_series(200000, 265600) n");
    ledger_start(&r);
    r.acts[r.nacts++] = (act){1, 1, 1, 4, 2, GIB, 5, 52, -1, -1};
    work(&r, 0, 60);
    for (uint64_t n = 0; n <= DM_WORKERS_MAX; n++)
        frame_of(&r, 1000 + n, 1, NULL, 30);
    for (; r.fed < r.nmsgs; r.fed++) {
        take(&r, &r.msgs[r.fed]);
        if (dm_ledger_full(r.ledger)) {
            flush(&r);
            flushes++;
        }
    }
    clock_at(&r, 62);
    flush(&r);
    assert_true(flushes <= DM_WORKERS_MAX / DM_LEDGER_HELD_MAX + 1); /* and looks at dm.worker */
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r, "SELECT running_s FROM dm.statement", "47");
    assert_sql(&r, "SELECT count(*) FROM dm.worker_mark WHERE worker_no < 200000", "1");
    assert_sql(&r, "SELECT count(*) <= 70 FROM dm.anomaly", "t");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_stranger_has_no_place),
            cmocka_unit_test(who_has_just_enrolled_loses_nothing),
            cmocka_unit_test(what_is_held_is_not_read_past),
            cmocka_unit_test(strangers_do_not_end_the_meter),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
