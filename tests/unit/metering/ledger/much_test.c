/* Covers metering/ledger/accum.c, metering/ledger/ledger.c, metering/ledger/over.c, metering/ledger/close.c,
 * metering/ledger/restore.c. */
/* A worker that is enrolled and brings more sandboxes than any can have: what exceeds its bound is a dead letter and an
 * alarm, its seconds are named as gaps, and the statements of all others are there in time. */
#include "metering/ledger/own.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

enum { WORKER = 2, EACH_SECOND = 5, BOUND = 100, ALL_ROWS = 150 };

static cluster pg;

/* Worker 1 has one sandbox of 47 running seconds. Worker 2 is enrolled as well, and has no oath to swear. */
static void begin(rig *r, const char *db)
{
    rig_open(r, &pg, db, 60);
    ledger_stop(r);
    r->rows_max = ALL_ROWS;
    r->worker_rows_max = BOUND;
    ledger_start(r);
    sql(r, "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, enrolled_at, "
           "sealed_from_boot) OVERRIDING SYSTEM VALUE SELECT 2, 'w2', region_no, boot, door, accel, slots, mem_mib, "
           "enrolled_at, 1 FROM dm.worker WHERE worker_no = 1");
    r->acts[r->nacts++] = (act){1, 1, 1, 4, 2, GIB, 5, 52, -1, -1};
}

/* A frame of worker 2 with n lives, `first` and those behind it. */
static void bring(rig *r, dm_mac *seal, int64_t s, unsigned first, unsigned n)
{
    DM_AUTO_BUF b;
    DM_AUTO_MEM dm_sample *samples = calloc(n + 1, sizeof(*samples));
    const dm_frame_head h = {.worker_no = WORKER,
            .worker_boot = 1,
            .frame_no = (uint64_t)s + 1,
            .second = T0 + s,
            .complete_through = T0 + s,
            .parts = 1,
            .n = n};
    assert_non_null(samples);
    for (unsigned i = 0; i < n; i++) {
        const act a = {2 + (first + i) % 200, 1 + (first + i) / 200, 1, 4, 2, GIB, 0, 60, -1, -1};
        samples[i] = sample_of(&a, DM_SAMPLE_RUN, 1, true);
    }
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, &h, samples, seal, NULL), 0);
    rig_add(r, &b, false, s);
}

static void written_off(rig *r, int worker_no)
{
    char text[120];
    (void)snprintf(text, sizeof(text),
            "UPDATE dm.worker SET state = 'written_off', gone_at = now() WHERE worker_no = %d", worker_no);
    sql(r, text);
}

/* Five new ones a second: the first twenty seconds are as many as it may have, what comes then is not believed. Read
 * once, or begun anew in the middle: what is taken and what is not is the same. */
static void who_brings_too_much_stops_nobody(void **state)
{
    (void)state;
    static const char *const names[] = {"much0", "much1"};
    for (size_t crash = 0; crash < DM_LEN(names); crash++) {
        rig r;
        begin(&r, names[crash]);
        DM_AUTO(dm_mac) seal = rig_seal(WORKER);
        for (int64_t s = 0; s < 60; s++) {
            work_second(&r, s);
            bring(&r, seal, s, (unsigned)s * EACH_SECOND, EACH_SECOND);
            if (crash && s == 40) {
                feed(&r);
                flush(&r);
                ledger_crash(&r);
            }
        }
        swear(&r, 0, NULL);
        feed(&r);
        written_off(&r, WORKER); /* nobody waits for its oath */
        clock_at(&r, 62);
        flush(&r);
        assert_int_equal(dm_accum_count(r.ledger->accum), BOUND + 1);
        assert_int_equal(close_due(&r, -1), 1);
        assert_sql(&r, "SELECT running_s || ' ' || hibernated_s FROM dm.statement WHERE account_no = 1", "47 0");
        assert_sql(&r,
                "SELECT count(*) FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1' AND payload->>'reason' = 'too_much'",
                "40");
        assert_sql(&r, "SELECT string_agg(DISTINCT worker_no::text, ',') FROM dm.anomaly WHERE kind = 'too_much'", "2");
        assert_sql(&r,
                "SELECT string_agg(DISTINCT from_s - 1772359200 || '-' || to_s - 1772359200, ',') FROM dm.usage_gap",
                "20-59");
        assert_sql(&r, "SELECT count(*) FROM dm.usage_period WHERE worker_no = 2", "100");
        rig_close(&r);
    }
}

/* Up to the bound all is taken, and what is known already goes on being so. */
static void who_is_at_the_bound_goes_on(void **state)
{
    rig r;
    (void)state;
    begin(&r, "brim");
    DM_AUTO(dm_mac) seal = rig_seal(WORKER);
    for (int64_t s = 0; s < 60; s++) {
        work_second(&r, s);
        if (s == 30) /* one more than it may: that second alone is lost */
            bring(&r, seal, s, 1, BOUND);
        else
            bring(&r, seal, s, 0, BOUND);
    }
    swear(&r, 0, NULL);
    feed(&r);
    clock_at(&r, 62);
    flush(&r);
    written_off(&r, WORKER);
    assert_int_equal(close_due(&r, -1), 1);
    assert_sql(&r,
            "SELECT string_agg(DISTINCT length(replace(run_bits::text, '0', ''))::text, ',') FROM dm.usage_period "
            "WHERE worker_no = 2",
            "59");
    assert_sql(&r,
            "SELECT count(*) || ' ' || min(from_s) - 1772359200 || ' ' || max(to_s) - 1772359200 FROM dm.usage_gap",
            "100 30 30");
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly WHERE kind = 'too_much'", "1");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(who_brings_too_much_stops_nobody),
            cmocka_unit_test(who_is_at_the_bound_goes_on),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
