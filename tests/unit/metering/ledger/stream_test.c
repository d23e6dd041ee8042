/* The meter at its stream: librdkafka's mock cluster (real sockets, the real protocol), a real PostgreSQL, and the
 * program itself, killed and started again. */
#include <libgen.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/wire/topic.h"

#include "metering/ledger/stream.h"
#include "tests/support/meterrig.h"
#include "tests/unit/test.h"

enum { PARTS = 4 };

static cluster pg;
static rd_kafka_t *broker;
static rd_kafka_mock_cluster_t *mock;
static const char *brokers;

static int open_broker(void **state)
{
    static const char *const names[] = {DM_TOPIC_USAGE, DM_TOPIC_ATTEST, DM_TOPIC_DLQ, DM_TOPIC_STATEMENT};
    char why[200];
    (void)state;
    broker = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    mock = broker != NULL ? rd_kafka_mock_cluster_new(broker, 1) : NULL;
    if (mock == NULL)
        return -1;
    brokers = rd_kafka_mock_cluster_bootstraps(mock);
    for (size_t i = 0; i < DM_LEN(names); i++)
        (void)rd_kafka_mock_topic_create(mock, names[i], PARTS, 1);
    return 0;
}

static int close_broker(void **state)
{
    (void)state;
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(broker);
    return 0;
}

static void delivered(void *arg, uint64_t tag, bool ok, int64_t offset)
{
    (void)tag;
    (void)offset;
    *(size_t *)arg += ok;
}

static void sleep_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&ts, NULL);
}

/* Sends messages [from, to) of the rig. */
static void publish(rig *r, size_t from, size_t to)
{
    size_t done = 0;
    dm_producer *p;
    dm_err err;
    dm_producer_config c = {.brokers = brokers,
            .client_id = "test",
            .linger_ms = 1,
            .queue_max_bytes = 1 << 24,
            .delivered = delivered,
            .arg = &done};
    assert_int_equal(dm_producer_new(&c, &p, &err), 0);
    for (size_t i = from; i < to; i++)
        assert_int_equal(dm_produce(p, r->msgs[i].attest ? DM_TOPIC_ATTEST : DM_TOPIC_USAGE, DM_STR("1"),
                                 (dm_str){r->msgs[i].p, r->msgs[i].n}, i, &err),
                0);
    for (int i = 0; i < 5000 && done < to - from; i++) {
        dm_producer_poll(p);
        sleep_ms(1);
    }
    assert_int_equal(done, to - from);
    dm_producer_free(p);
}

/* A rig whose last period ended a moment ago by the real clock, which the mock broker's stamps follow. */
static void rig_now(rig *r, const char *db, int64_t seconds)
{
    char text[200];
    int64_t now = dm_second_of(dm_wall_us(&dm_clock_real));
    rig_t0 = now - now % 60 - seconds;
    rig_open(r, &pg, db, 60);
    (void)snprintf(text, sizeof(text), "UPDATE dm.worker SET enrolled_at = dm.ts(%lld000000)", (long long)T0);
    sql(r, text);
    ledger_stop(r);
    r->acts[r->nacts++] = (act){1, 1, 1, 4, 2, GIB, 5, 52, -1, -1};
    r->acts[r->nacts++] = (act){2, 1, 1, 4, 2, 40 * GIB, 30, 80, 80, seconds};
    rig_rows(r);
    work(r, 0, seconds);
}

/* --- in this process ---------------------------------------------------------------------------------------- */

static void ledger_only(rig *r)
{
    uint8_t random[16];
    dm_err err;
    assert_int_equal(dm_random(random, sizeof(random), NULL), 0);
    dm_uuid owner = dm_uuid_of_random(random);
    memcpy(r->uuid, owner.s, sizeof(r->uuid));
    assert_int_equal(cluster_open(&pg, r->db, "dm_meter", &r->pg), 0);
    dm_ledger_config c = {.pg = r->pg,
            .clock = &dm_clock_real,
            .key = r->service,
            .frame_secret = rig_frame_secret,
            .owner = r->uuid,
            .period_s = 60,
            .wait_s = 600,
            .rows_max = 1000,
            .worker_rows_max = 1000};
    assert_int_equal(dm_ledger_open(&c, &r->ledger, &err), 0);
}

static int stream_of(rig *r, bool accept_gap, dm_stream **out, dm_err *err)
{
    dm_stream_config c = {.brokers = brokers,
            .queue_bytes = 1 << 20,
            .accept_gap = accept_gap,
            .ledger = r->ledger,
            .clock = &dm_clock_real};
    return dm_stream_new(&c, out, err);
}

static void read_until(dm_stream *s, rig *r, size_t n)
{
    dm_err err;
    size_t got = 0;
    for (int i = 0; i < 100 && got < n; i++) {
        int x = dm_stream_take(s, 100, 1000, &err);
        if (x < 0)
            fail_msg("%s", err.msg);
        got += (size_t)x;
    }
    assert_true(got >= n);
    flush(r);
}

static void reads_to_the_end_and_sends_what_it_made(void **state)
{
    rig r;
    dm_stream *s;
    dm_err err;
    (void)state;
    rig_now(&r, "inprocess", 120);
    ledger_only(&r);
    publish(&r, 0, 50);
    assert_int_equal(stream_of(&r, false, &s, &err), 0);
    read_until(s, &r, 50);
    for (int i = 0; i < 2 * 2 * PARTS - 1; i++)
        assert_int_equal(dm_stream_look(s), -1); /* each partition of both topics twice */
    assert_true(dm_stream_look(s) > 0);
    dm_stream_free(s);
    ledger_stop(&r);

    ledger_only(&r);
    publish(&r, 50, r.nmsgs);
    assert_int_equal(stream_of(&r, false, &s, &err), 0);
    int64_t frames, attestations;
    for (int i = 0; i < 2 * PARTS; i++) /* each partition of both topics once */
        (void)dm_stream_look(s);
    dm_stream_lag(s, &frames, &attestations);
    assert_int_equal(frames + attestations, r.nmsgs - 50);
    assert_true(frames > attestations);
    read_until(s, &r, r.nmsgs - 50);
    dm_stream_lag(s, &frames, &attestations);
    assert_int_equal(frames + attestations, 0);
    assert_int_equal(close_due(&r, -1), 2);
    assert_sql(&r, "SELECT string_agg(running_s || ' ' || hibernated_s, ',' ORDER BY number) FROM dm.statement",
            "77 0,20 40");
    assert_sql(&r, "SELECT sum(frames) FROM dm.usage_chunk", "120");
    assert_sql(&r, "SELECT count(*) FROM dm.outbox WHERE sent_at IS NULL", "2");
    assert_int_equal(dm_stream_send(s, 5000, &err), 0);
    assert_sql(&r, "SELECT count(*) FROM dm.outbox WHERE sent_at IS NULL", "0");
    dm_stream_free(s);
    ledger_stop(&r);

    /* The stream no longer has what comes next: that is for people to decide. */
    sql(&r, "UPDATE dm.consumer_offset SET next_offset = 1000000 WHERE topic = 'dm.usage.v1' AND next_offset > 0");
    ledger_only(&r);
    assert_int_equal(stream_of(&r, false, &s, &err), 0);
    int x = 0;
    for (int i = 0; i < 100 && x >= 0; i++)
        x = dm_stream_take(s, 100, 10, &err);
    assert_int_equal(x, DM_E_CORRUPT);
    assert_says(err, "accept_gap");
    assert_sql(&r, "SELECT count(*) FROM dm.anomaly WHERE kind = 'offset_gap'", "1");
    dm_stream_free(s);
    rig_close(&r);
}

/* --- the program -------------------------------------------------------------------------------------------- */

static pid_t meter(const rig *r)
{
    char db[400], with[200], key[200], seals[200], hex[2 * DM_KEY + 1], port[64], here[] = "/proc/self/exe", self[512],
                                                                                  program[600];
    char set[] = "--set", period[] = "period_s=60", often[] = "flush_ms=100", wait[] = "wait_s=600";
    ssize_t n = readlink(here, self, sizeof(self) - 1);
    pid_t pid = 0;
    assert_true(n > 0);
    self[n] = '\0';
    (void)snprintf(program, sizeof(program), "%s/dormouse-meter", dirname(self));
    (void)snprintf(db, sizeof(db), "db=%s", cluster_conninfo(&pg, r->db, "dm_meter"));
    (void)snprintf(with, sizeof(with), "brokers=%s", brokers);
    (void)snprintf(key, sizeof(key), "signing_key_file=%s/service.key", pg.dir);
    (void)snprintf(seals, sizeof(seals), "frame_key_file=%s/frames.key", pg.dir);
    dm_hex(rig_frame_secret, DM_KEY, hex);
    assert_int_equal(dm_file_write(seals + strlen("frame_key_file="), dm_str_c(hex), 0600, NULL), 0);
    (void)snprintf(port, sizeof(port), "metrics_port=%d", 20000 + (int)(getpid() % 20000));
    char *const argv[] = {
            program, set, db, set, with, set, key, set, seals, set, port, set, period, set, often, set, wait, NULL};
    assert_int_equal(posix_spawn(&pid, program, NULL, NULL, argv, environ), 0);
    return pid;
}

static bool wait_sql(rig *r, const char *text, const char *want)
{
    for (int i = 0; i < 300; i++) {
        if (strcmp(ask(r, text), want) == 0)
            return true;
        sleep_ms(100);
    }
    return false;
}

static void the_program_survives_kill(void **state)
{
    rig r;
    int status;
    (void)state;
    rig_now(&r, "program", 120);
    pid_t pid = meter(&r);
    for (size_t at = 0; at < r.nmsgs; at += 20) {
        publish(&r, at, at + 20 < r.nmsgs ? at + 20 : r.nmsgs);
        sleep_ms(150);
        if (at % 40 == 20) {
            assert_int_equal(kill(pid, SIGKILL), 0);
            assert_int_equal(waitpid(pid, &status, 0), pid);
            pid = meter(&r);
        }
    }
    if (!wait_sql(&r, "SELECT count(*) FROM dm.statement", "2"))
        fail_msg("statements: %s; mark %s", ask(&r, "SELECT count(*) FROM dm.statement"),
                ask(&r, "SELECT worker_mark::text FROM dm.worker_mark"));
    assert_sql(&r, "SELECT string_agg(running_s || ' ' || hibernated_s, ',' ORDER BY number) FROM dm.statement",
            "77 0,20 40");
    assert_true(wait_sql(&r, "SELECT count(*) FROM dm.outbox WHERE sent_at IS NULL", "0"));
    assert_true(wait_sql(
            &r, "SELECT lag_frames + lag_attestations || ' ' || (version <> '') FROM dm.meter_beat", "0 true"));
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rig_close(&r);
}

static int all(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(the_program_survives_kill, open_broker, close_broker),
            cmocka_unit_test_setup_teardown(reads_to_the_end_and_sends_what_it_made, open_broker, close_broker),
    };
    return house(&pg) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return cluster_main(&pg, all);
}
