/* Covers metering/ledger/known.c, metering/ledger/ledger.c, metering/ledger/dispute.c. */
/* What somebody at the broker forges moves nothing, and what an enrolled worker makes up charges nobody. Each test ends
 * with the statement that is due, in time. */
#include "base/parse.h"

#include "metering/ledger/own.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

static cluster pg;

/* The one sandbox that all of them are about: 47 running seconds. */
static void begin(rig *r, const char *db)
{
    rig_open(r, &pg, db, 60);
    r->acts[r->nacts++] = (act){1, 1, 1, 4, 2, GIB, 5, 52, -1, -1};
}

static void add_frame(rig *r, const dm_frame_head *h, const dm_sample *samples, dm_mac *seal, int64_t s)
{
    DM_AUTO_BUF b;
    dm_buf_init(&b, DM_FRAME_BYTES_MAX);
    assert_int_equal(dm_frame_write(&b, h, samples, seal, NULL), 0);
    rig_add(r, &b, false, s);
}

/* An empty frame, as whoever reads along would make it. */
static void forge(rig *r, uint64_t boot, uint64_t frame_no, uint64_t prev, dm_mac *seal, int64_t s)
{
    const dm_frame_head h = {.worker_no = 1,
            .worker_boot = boot,
            .frame_no = frame_no,
            .prev_boot_last_frame = prev,
            .second = T0 + s,
            .complete_through = T0 + s,
            .parts = 1};
    add_frame(r, &h, NULL, seal, s);
}

static void the_statement_is_there(rig *r, const char *seconds)
{
    feed(r);
    clock_at(r, 62);
    flush(r);
    assert_int_equal(close_due(r, -1), 1);
    assert_sql(r, "SELECT running_s || ' ' || hibernated_s FROM dm.statement", seconds);
}

static void assert_anomalies(rig *r, const char *want)
{
    assert_sql(r, "SELECT coalesce(string_agg(DISTINCT kind, ',' ORDER BY kind), '') FROM dm.anomaly", want);
}

/* --- at the broker ------------------------------------------------------------------------------------------ */

/* An empty frame before each of thirty, under the number that comes: without a seal, with another's, with any bytes. */
static void thirty_empty_frames_take_nothing(void **state)
{
    (void)state;
    static const char *const names[] = {"empty0", "empty1", "empty2"};
    for (size_t how = 0; how < DM_LEN(names); how++) {
        rig r;
        begin(&r, names[how]);
        DM_AUTO(dm_mac) other = rig_seal(2);
        for (int64_t s = 0; s < 60; s++) {
            if (s >= 10 && s < 40)
                forge(&r, 1, r.frame + 1, 0, how == 0 ? NULL : how == 1 ? other : r.seal, s);
            if (s >= 10 && s < 40 && how == 2)
                r.msgs[r.nmsgs - 1].p[DM_FRAME_HEAD + DM_MAC_NONCE] ^= 1;
            work_second(&r, s);
        }
        swear(&r, 0, NULL);
        the_statement_is_there(&r, "47 0");
        assert_anomalies(&r, "seal");
        assert_sql(&r, "SELECT count(*) FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1' AND payload->>'reason' = 'seal'",
                "30");
        rig_close(&r);
    }
}

/* One message under a number far ahead, one under a boot that may come: the mark stands where it was. */
static void a_coming_name_moves_no_mark(void **state)
{
    (void)state;
    static const char *const names[] = {"number0", "number1", "boot0", "boot1"};
    for (size_t how = 0; how < DM_LEN(names); how++) {
        rig r;
        begin(&r, names[how]);
        DM_AUTO(dm_mac) other = rig_seal(2);
        dm_mac *seal = how % 2 == 0 ? NULL : other;
        work(&r, 0, 20);
        if (how < 2)
            forge(&r, 1, 100000, 0, seal, 20);
        else
            forge(&r, 1ull << 60, 1, r.frame, seal, 20);
        feed(&r);
        flush(&r);
        assert_sql(&r, "SELECT worker_boot || ' ' || last_frame FROM dm.worker_mark", "1 20");
        work(&r, 20, 60);
        the_statement_is_there(&r, "47 0");
        assert_anomalies(&r, "seal");
        rig_close(&r);
    }
}

/* A frame in many parts, of which one is sent, would keep the real one from ever being whole. */
static void a_part_of_many_holds_nothing_up(void **state)
{
    rig r;
    (void)state;
    begin(&r, "parts");
    work(&r, 0, 20);
    const dm_frame_head h = {.worker_no = 1,
            .worker_boot = 1,
            .frame_no = r.frame + 1,
            .second = T0 + 20,
            .complete_through = T0 + 20,
            .parts = 64};
    add_frame(&r, &h, NULL, NULL, 20);
    work(&r, 20, 60);
    the_statement_is_there(&r, "47 0");
    rig_close(&r);
}

/* --- from before there were seals --------------------------------------------------------------------------- */

/* What its journal and the stream hold of boots before its first key is taken, and nothing like it afterwards. */
static void old_frames_count_until_it_has_a_key(void **state)
{
    rig r;
    (void)state;
    begin(&r, "old");
    ledger_stop(&r);
    r.accept_unsealed = true;
    sql(&r, "UPDATE dm.worker SET sealed_from_boot = NULL");
    ledger_start(&r); /* as of now it has no key */
    dm_mac *seal = dm_steal(&r.seal);
    work(&r, 0, 20);
    feed(&r);
    flush(&r);
    assert_sql(&r, "SELECT last_frame FROM dm.worker_mark", "20");
    work(&r, 20, 30);
    work_reboot(&r);
    sql(&r, "UPDATE dm.worker SET sealed_from_boot = 2"); /* the ledger has not looked since */
    forge(&r, 2, 1, r.prev, NULL, 30);
    r.seal = seal;
    work(&r, 30, 60);
    forge(&r, 2, r.frame + 1, 0, NULL, 60);
    the_statement_is_there(&r, "47 0");
    assert_anomalies(&r, "seal");
    assert_sql(&r, "SELECT worker_boot || ' ' || last_frame FROM dm.worker_mark", "2 30");
    rig_close(&r);
}

/* One that has never enrolled with a key can be spoken for: nobody is, unless an operator says that it may be. What its
 * journal and the stream hold when it is upgraded counts without him, once it has enrolled; and so does what the ledger
 * took before, read again at a start. */
static void who_never_had_a_key_is_not_spoken_for(void **state)
{
    rig r;
    (void)state;
    begin(&r, "never");
    ledger_stop(&r);
    sql(&r, "UPDATE dm.worker SET sealed_from_boot = NULL");
    r.accept_unsealed = true;
    ledger_start(&r);
    DM_AUTO(dm_mac) seal = dm_steal(&r.seal);
    work(&r, 0, 20);
    feed(&r);
    flush(&r); /* taken by a meter of before */
    assert_sql(&r, "SELECT last_frame FROM dm.worker_mark", "20");
    ledger_stop(&r);
    r.accept_unsealed = false; /* the upgraded one, */
    ledger_start(&r);
    forge(&r, 1, 21, 0, NULL, 20); /* and somebody at the broker */
    feed(&r);
    flush(&r);
    assert_sql(&r, "SELECT last_frame FROM dm.worker_mark", "20");
    assert_sql(&r, "SELECT string_agg(kind || ': ' || detail, ',') FROM dm.anomaly",
            "seal: worker 1: no seal, and it never enrolled with a key (accept_unsealed)");
    sql(&r, "UPDATE dm.worker SET sealed_from_boot = 2"); /* the worker is upgraded, */
    work(&r, 20, 30);                                     /* and sends what its journal holds */
    work_reboot(&r);
    r.seal = dm_steal(&seal);
    work(&r, 30, 60);
    the_statement_is_there(&r, "47 0");
    assert_anomalies(&r, "seal");
    assert_sql(&r, "SELECT count(*) FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1'", "1");
    rig_close(&r);
}

/* --- another secret ----------------------------------------------------------------------------------------- */

static const uint8_t next_secret[DM_KEY] = {4, 5, 6};

/* The secret is changed while a worker works: no frame is lost, neither what the stream still has under the old one nor
 * what comes under the new one, whether its frames name their key or are of a version that does not. Once the old one
 * is retired, what comes under it is refused, and by its name. */
static void a_changed_secret_loses_no_frame(void **state)
{
    (void)state;
    static const char *const names[] = {"rotate0", "rotate1"};
    for (size_t named = 0; named < DM_LEN(names); named++) {
        rig r;
        uint16_t old_no, new_no;
        begin(&r, names[named]);
        DM_AUTO(dm_mac) old = rig_seal_under(rig_frame_secret, 1, &old_no);
        dm_mac *new = rig_seal_under(next_secret, 1, &new_no);
        assert_int_not_equal(old_no, new_no);
        r.key_no = named ? old_no : 0;
        work(&r, 0, 20);
        feed(&r);
        flush(&r);
        work(&r, 20, 30);
        ledger_stop(&r);
        r.secret = next_secret;
        r.secret_old = rig_frame_secret;
        ledger_start(&r);
        dm_mac_free(r.seal);
        r.seal = new;
        r.key_no = named ? new_no : 0;
        work(&r, 30, 40);
        feed(&r);
        flush(&r);
        assert_sql(&r, "SELECT last_frame FROM dm.worker_mark", "40");
        ledger_stop(&r);
        r.secret_old = NULL; /* retired */
        ledger_start(&r);
        const dm_frame_head late = {.key_no = named ? old_no : 0,
                .worker_no = 1,
                .worker_boot = 1,
                .frame_no = 41,
                .second = T0 + 40,
                .complete_through = T0 + 40,
                .parts = 1};
        add_frame(&r, &late, NULL, old, 40);
        work(&r, 40, 60);
        the_statement_is_there(&r, "47 0");
        assert_anomalies(&r, named ? "old_key" : "seal");
        assert_sql(&r, "SELECT count(*) FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1'", "1");
        rig_close(&r);
    }
}

/* A seal says by itself that there is a key, before anybody looks. */
static void a_seal_is_as_good_as_a_look(void **state)
{
    rig r;
    (void)state;
    begin(&r, "look");
    ledger_stop(&r);
    sql(&r, "UPDATE dm.worker SET sealed_from_boot = NULL");
    ledger_start(&r);
    for (int64_t s = 0; s < 60; s++) {
        work_second(&r, s);
        if (s > 0)
            forge(&r, 1, r.frame + 1, 0, NULL, s);
    }
    swear(&r, 0, NULL);
    the_statement_is_there(&r, "47 0");
    assert_sql(&r, "SELECT count(*) FROM dm.outbox WHERE topic = 'dm.usage.dlq.v1'", "59");
    rig_close(&r);
}

/* --- two frames of one number ------------------------------------------------------------------------------- */

static const act invented = {9, 1, 1, 4, 2, GIB, 0, 60, -1, -1};

/* Another frame of the worker's own under the number of the last one, or, before it, of the next. */
static void say_otherwise(rig *r, uint64_t frame_no, int64_t s, bool more)
{
    const dm_sample sample = sample_of(&invented, DM_SAMPLE_RUN, 1, true);
    const dm_frame_head h = {.worker_no = 1,
            .worker_boot = 1,
            .frame_no = frame_no,
            .second = T0 + s,
            .complete_through = T0 + s,
            .parts = 1,
            .n = more ? 1 : 0};
    add_frame(r, &h, &sample, r->seal, s);
}

/* First or second, with less in it or with more, read once or twice: what is sworn to is billed, and it is told. */
static void of_two_frames_the_sworn_one_counts(void **state)
{
    (void)state;
    static const char *const names[] = {"two0", "two1", "two2", "two3", "two4", "two5", "two6", "two7"};
    for (size_t how = 0; how < DM_LEN(names); how++) {
        rig r;
        bool first = how % 2 == 0, more = how / 2 % 2 != 0, crash = how / 4 != 0;
        begin(&r, names[how]);
        rig_sandbox(&r, invented.sandbox, 1, 1, 4, 2, 1, -1);
        for (int64_t s = 0; s < 60; s++) {
            bool two = s >= 10 && s < 40;
            if (two && first)
                say_otherwise(&r, r.frame + 1, s, more);
            work_second(&r, s);
            if (two && !first)
                say_otherwise(&r, r.frame, s, more);
            if (crash && s == 30) {
                feed(&r);
                flush(&r);
            }
        }
        if (crash)
            ledger_crash(&r);
        swear(&r, 0, NULL);
        the_statement_is_there(&r, "47 0");
        assert_anomalies(&r, more ? "attestation_missing,two_frames" : "two_frames");
        rig_close(&r);
    }
}

/* Without an oath the first one stands: a second never makes it dearer. */
static void of_two_frames_nobody_swore_to_the_first_counts(void **state)
{
    rig r;
    (void)state;
    begin(&r, "unsworn");
    rig_sandbox(&r, invented.sandbox, 1, 1, 4, 2, 1, -1);
    for (int64_t s = 0; s < 60; s++) {
        work_second(&r, s);
        say_otherwise(&r, r.frame, s, true);
    }
    feed(&r);
    clock_at(&r, 700);
    flush(&r);
    assert_int_equal(close_due(&r, T0), 1);
    assert_sql(&r, "SELECT running_s || ' ' || unattested FROM dm.statement", "47 1");
    assert_anomalies(&r, "two_frames,unattested");
    rig_close(&r);
}

/* --- a worker that lies ------------------------------------------------------------------------------------- */

static void move_to(rig *r, unsigned sandbox, const char *worker_no)
{
    char text[300], hex[33];
    dm_sandbox_id id = sandbox_no(sandbox);
    dm_hex(id.b, sizeof(id.b), hex);
    (void)snprintf(
            text, sizeof(text), "UPDATE dm.sandbox SET worker_no = %s WHERE sandbox_id = '\\x%s'", worker_no, hex);
    sql(r, text);
}

/* Another's sleeper, a sandbox that never was, and one that nobody has yet, each framed and sworn to by who is enrolled
 * and has every key. */
static void a_lying_worker_charges_nobody(void **state)
{
    rig r;
    (void)state;
    begin(&r, "liar");
    r.rowless = true;
    sql(&r, "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, gone_at) OVERRIDING "
            "SYSTEM VALUE VALUES (2, 'w2', 2, 1, 'w', 'tcg', 1, 1, 'epoch')");
    rig_sandbox(&r, 1, 1, 1, 4, 2, 1, -1);
    rig_sandbox(&r, 2, 2, 2, 4, 2, 1, -1);
    rig_sandbox(&r, 4, 1, 1, 4, 2, 1, -1);
    move_to(&r, 2, "2");
    move_to(&r, 4, "NULL");
    sql(&r, "UPDATE dm.sandbox SET state = 'paused', cause = 'paused' WHERE worker_no = 2");
    r.acts[r.nacts++] = (act){2, 1, 2, 4, 2, 40 * GIB, -1, -1, 0, 60};
    r.acts[r.nacts++] = (act){3, 1, 2, 4, 2, GIB, 0, 60, -1, -1};
    r.acts[r.nacts++] = (act){4, 1, 1, 4, 2, GIB, 0, 60, -1, -1};
    work(&r, 0, 60);
    the_statement_is_there(&r, "47 0");
    assert_sql(&r, "SELECT string_agg(account_no::text, ',') FROM dm.statement", "1");
    assert_anomalies(&r, "not_admitted");
    assert_sql(&r, "SELECT count(DISTINCT sandbox_id) FROM dm.anomaly", "3");
    rig_close(&r);
}

static void event(rig *r, unsigned n, int epoch, const char *from, const char *to, int64_t s, int worker_no)
{
    char text[500], hex[33];
    dm_sandbox_id id = sandbox_no(n);
    dm_hex(id.b, sizeof(id.b), hex);
    (void)snprintf(text, sizeof(text),
            "INSERT INTO dm.sandbox_event (account_no, project_no, sandbox_id, at, epoch, from_state, to_state, why, "
            "who, worker_no) VALUES (1, 1, '\\x%s', dm.ts(%lld000000), %d, %s, '%s', '', '', %d)",
            hex, (long long)(T0 + s), epoch, from, to, worker_no);
    sql(r, text);
}

/* Its own sandbox, but before it was asked for, and running while it slept. */
static void a_worker_swears_to_no_second_outside_of_a_life(void **state)
{
    rig r;
    (void)state;
    begin(&r, "life");
    r.rowless = true;
    r.acts[r.nacts++] = (act){2, 1, 1, 4, 2, GIB, 0, 60, -1, -1};
    rig_sandbox(&r, 1, 1, 1, 4, 2, 1, -1);
    rig_sandbox(&r, 2, 1, 1, 4, 2, 1, -1);
    event(&r, 1, 1, "NULL", "starting", 5, 1);
    event(&r, 1, 1, "'pausing'", "paused", 20, 1);
    event(&r, 2, 1, "NULL", "starting", 100, 1);
    work(&r, 0, 60);
    the_statement_is_there(&r, "41 0"); /* 5 to 25, and 40 to 59, with what clocks may differ by */
    assert_anomalies(&r, "out_of_life");
    rig_close(&r);
}

/* Each life is the worker's that had it then: an earlier one of another worker takes none of it away. */
static void a_life_is_the_workers_that_had_it(void **state)
{
    rig r;
    (void)state;
    begin(&r, "lives");
    r.rowless = true;
    sql(&r, "INSERT INTO dm.worker (worker_no, name, region_no, boot, door, accel, slots, mem_mib, gone_at) OVERRIDING "
            "SYSTEM VALUE VALUES (2, 'w2', 2, 1, 'w', 'tcg', 1, 1, 'epoch')");
    rig_sandbox(&r, 1, 1, 1, 4, 2, 2, -1);
    move_to(&r, 1, "2"); /* it has woken there since */
    event(&r, 1, 1, "'starting'", "running", 5, 1);
    event(&r, 1, 2, "'paused'", "resuming", 52, 2);
    r.acts[r.nacts++] = (act){1, 2, 1, 4, 2, GIB, 52, 60, -1, -1}; /* which this one no longer may */
    work(&r, 0, 60);
    the_statement_is_there(&r, "47 0");
    assert_anomalies(&r, "not_admitted");
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(thirty_empty_frames_take_nothing),
            cmocka_unit_test(a_coming_name_moves_no_mark),
            cmocka_unit_test(a_part_of_many_holds_nothing_up),
            cmocka_unit_test(old_frames_count_until_it_has_a_key),
            cmocka_unit_test(who_never_had_a_key_is_not_spoken_for),
            cmocka_unit_test(a_changed_secret_loses_no_frame),
            cmocka_unit_test(a_seal_is_as_good_as_a_look),
            cmocka_unit_test(of_two_frames_the_sworn_one_counts),
            cmocka_unit_test(of_two_frames_nobody_swore_to_the_first_counts),
            cmocka_unit_test(a_lying_worker_charges_nobody),
            cmocka_unit_test(a_worker_swears_to_no_second_outside_of_a_life),
            cmocka_unit_test(a_life_is_the_workers_that_had_it),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
