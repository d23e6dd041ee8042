/* Producer and consumer against librdkafka's mock cluster: real sockets and the real protocol, the broker in this
 * process. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/kafka.h"

#include "tests/unit/test.h"

enum { WAIT_MS = 20000, PARTITIONS = 4, API_PRODUCE = 0, TAGS_MAX = 20000 };

typedef struct cluster {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *mock;
    const char *brokers;
} cluster;

static int cluster_up(void **state)
{
    char why[200];
    cluster *c = calloc(1, sizeof *c);

    if (c == NULL)
        return -1;
    c->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof why);
    c->mock = c->rk != NULL ? rd_kafka_mock_cluster_new(c->rk, 1) : NULL;
    if (c->mock == NULL)
        return -1;
    c->brokers = rd_kafka_mock_cluster_bootstraps(c->mock);
    *state = c;
    return rd_kafka_mock_topic_create(c->mock, "t", PARTITIONS, 1) == RD_KAFKA_RESP_ERR_NO_ERROR &&
                           rd_kafka_mock_topic_create(c->mock, "one", 1, 1) == RD_KAFKA_RESP_ERR_NO_ERROR
                   ? 0
                   : -1;
}

static int cluster_down(void **state)
{
    cluster *c = *state;

    rd_kafka_mock_cluster_destroy(c->mock);
    rd_kafka_destroy(c->rk);
    free(c);
    return 0;
}

static int64_t now_ms(void)
{
    return dm_mono_us(&dm_clock_real) / 1000;
}

/* --- what was delivered ------------------------------------------------------------------------------------- */

typedef struct ledger {
    unsigned seen, ok, again, refused, closed;
    int64_t offsets[TAGS_MAX];
    uint64_t last_tag;
    bool in_order;
} ledger;

static void on_delivered(void *arg, uint64_t tag, bool ok, int64_t offset)
{
    ledger *l = arg;

    l->in_order = (l->seen == 0 || tag > l->last_tag) && (l->in_order || l->seen == 0);
    l->last_tag = tag;
    l->seen++;
    l->ok += ok;
    l->again += !ok && offset == DM_KAFKA_AGAIN;
    l->refused += !ok && offset == DM_KAFKA_REFUSED;
    l->closed += !ok && offset == DM_KAFKA_CLOSED;
    if (tag < TAGS_MAX)
        l->offsets[tag] = offset;
}

static dm_producer *producer(const char *brokers, size_t queue, ledger *l)
{
    dm_producer_config config = {.brokers = brokers,
            .client_id = "test",
            .linger_ms = 5,
            .queue_max_bytes = queue,
            .delivered = on_delivered,
            .arg = l};
    dm_producer *p = NULL;
    dm_err err = {0};

    memset(l, 0, sizeof *l);
    if (dm_producer_new(&config, &p, &err) < 0)
        fail_msg("%s", err.msg);
    return p;
}

/* Only looks when the descriptor says so: a wake-up that is lost shows as a time-out. */
static void wait_seen(dm_producer *p, const ledger *l, unsigned n)
{
    int64_t until = now_ms() + WAIT_MS;

    while (l->seen < n) {
        struct pollfd fd = {.fd = dm_producer_fd(p), .events = POLLIN};
        int64_t left = until - now_ms();
        if (left <= 0 || poll(&fd, 1, (int)left) != 1)
            fail_msg("%u of %u delivered", l->seen, n);
        dm_producer_poll(p);
    }
}

static void put(dm_producer *p, const char *topic, dm_str key, dm_str value, uint64_t tag)
{
    dm_err err = {0};
    int r = dm_produce(p, topic, key, value, tag, &err);

    if (r != 0)
        fail_msg("%d %s", r, err.msg);
}

/* --- the other side ----------------------------------------------------------------------------------------- */

static dm_consumer *consumer(const char *brokers)
{
    dm_consumer_config config = {.brokers = brokers, .client_id = "test-reader", .queue_max_bytes = 1 << 20};
    dm_consumer *c = NULL;
    dm_err err = {0};

    if (dm_consumer_new(&config, &c, &err) < 0)
        fail_msg("%s", err.msg);
    return c;
}

static void assign(dm_consumer *c, const char *topic, int32_t n, int64_t next)
{
    dm_offset offsets[PARTITIONS];
    dm_err err = {0};

    for (int32_t i = 0; i < n; i++)
        offsets[i] = (dm_offset){topic, i, next};
    if (dm_consumer_assign(c, offsets, (size_t)n, &err) < 0)
        fail_msg("%s", err.msg);
}

/* Goes on through DM_CONSUME_NOTHING. */
static int take(dm_consumer *c, dm_message *m)
{
    int64_t until = now_ms() + WAIT_MS;
    dm_err err = {0};
    int r;

    do {
        r = dm_consume(c, 100, m, &err);
    } while (r == DM_CONSUME_NOTHING && now_ms() < until);
    if (r < 0)
        fail_msg("%s", err.msg);
    return r;
}

/* --- tests -------------------------------------------------------------------------------------------------- */

static void test_round_trip(void **state)
{
    enum { N = 500 };
    const cluster *k = *state;
    static ledger l;
    dm_producer *p = producer(k->brokers, 1 << 20, &l);
    dm_consumer *c = consumer(k->brokers);
    unsigned next[N] = {0};
    int64_t last[PARTITIONS];
    int32_t home[10];

    for (unsigned i = 0; i < N; i++) {
        char key[16], value[16];
        (void)snprintf(key, sizeof key, "key-%u", i % 10);
        (void)snprintf(value, sizeof value, "%u", i);
        put(p, "t", dm_str_c(key), dm_str_c(value), i);
    }
    wait_seen(p, &l, N);
    assert_int_equal(l.ok, N);
    assign(c, "t", PARTITIONS, -2);
    memset(last, -1, sizeof last);
    memset(home, -1, sizeof home);
    for (unsigned i = 0; i < N; i++) {
        dm_message m;
        assert_int_equal(take(c, &m), 0);
        unsigned n = (unsigned)strtoul(m.value.p, NULL, 10), key = n % 10;
        assert_string_equal(m.topic, "t");
        assert_true(m.partition >= 0 && m.partition < PARTITIONS);
        assert_int_equal(m.offset, last[m.partition] + 1); /* nothing is skipped */
        last[m.partition] = m.offset;
        assert_int_equal(m.offset, l.offsets[n]);
        assert_true(m.timestamp_ms > 1600000000000);
        if (home[key] < 0)
            home[key] = m.partition;
        assert_int_equal(home[key], m.partition); /* a key has one partition, and an order in it */
        assert_true(n >= next[key]);
        next[key] = n + 1;
    }
    dm_producer_free(p);
    dm_consumer_free(c);
}

static void test_sizes(void **state)
{
    const cluster *k = *state;
    static ledger l;
    dm_producer *p = producer(k->brokers, 8 << 20, &l);
    dm_consumer *c = consumer(k->brokers);
    size_t n = 1 << 20;
    char *big = malloc(3 << 20);
    uint32_t seed = 1;
    dm_message m;
    dm_err err = {0};

    for (size_t i = 0; i < 3 << 20; i++)
        big[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
    put(p, "one", (dm_str){NULL, 0}, (dm_str){NULL, 0}, 0);
    put(p, "one", DM_STR(""), DM_STR(""), 1);
    put(p, "one", DM_STR("k\0k"), DM_STR("v\0v"), 2);
    put(p, "one", DM_STR("big"), (dm_str){big, n}, 3);
    assert_int_equal(dm_produce(p, "one", DM_STR("k"), (dm_str){big, 3 << 20}, 4, &err), DM_E_LIMIT);
    wait_seen(p, &l, 4);
    assert_int_equal(l.ok, 4);
    assert_true(l.in_order);

    assign(c, "one", 1, 0);
    assert_int_equal(take(c, &m), 0);
    assert_null(m.key.p);
    assert_null(m.value.p);
    assert_int_equal(take(c, &m), 0);
    assert_non_null(m.key.p);
    assert_int_equal(m.key.n + m.value.n, 0);
    assert_non_null(m.value.p);
    assert_int_equal(take(c, &m), 0);
    assert_int_equal(m.key.n, 3);
    assert_memory_equal(m.value.p, "v\0v", 3);
    assert_int_equal(take(c, &m), 0);
    assert_int_equal(m.value.n, n);
    assert_memory_equal(m.value.p, big, n);
    assert_int_equal(dm_consume(c, 50, &m, &err), DM_CONSUME_NOTHING); /* the end is nothing special */
    assign(c, "one", 1, 2);
    assert_int_equal(take(c, &m), 0);
    assert_int_equal(m.offset, 2);
    free(big);
    dm_producer_free(p);
    dm_consumer_free(c);
}

static void test_metadata(void **state)
{
    const cluster *k = *state;
    static ledger l;
    dm_producer *p = producer(k->brokers, 1 << 20, &l);
    dm_consumer *c = consumer(k->brokers);
    int32_t n = 0;
    int64_t low = -1, high = -1;
    dm_err err = {0};
    dm_offset bad = {"t", 0, -5};

    assert_int_equal(dm_consumer_partitions(c, "t", 5000, &n, &err), 0);
    assert_int_equal(n, PARTITIONS);
    /* The mock broker makes any topic that is asked for; a real one is told not to. */
    rd_kafka_mock_topic_set_error(k->mock, "nowhere", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    assert_int_equal(dm_consumer_partitions(c, "nowhere", 5000, &n, &err), DM_E_NOTFOUND);
    for (uint64_t i = 0; i < 7; i++)
        put(p, "one", (dm_str){NULL, 0}, DM_STR("x"), i);
    wait_seen(p, &l, 7);
    assert_int_equal(dm_consumer_watermarks(c, "one", 0, &low, &high, &err), 0);
    assert_int_equal(low, 0);
    assert_int_equal(high, 7);
    assert_int_equal(dm_consumer_watermarks(c, "t", PARTITIONS, &low, &high, &err), DM_E_NOTFOUND);
    assert_int_equal(dm_consumer_assign(c, &bad, 1, &err), DM_E_INVALID);
    dm_producer_free(p);
    dm_consumer_free(c);
    c = consumer("127.0.0.1:1");
    int r = dm_consumer_partitions(c, "t", 300, &n, &err);
    assert_true(r == DM_E_TIMEOUT || r == DM_E_UNAVAILABLE);
    dm_consumer_free(c);
}

static void test_full(void **state)
{
    static ledger l;
    dm_producer *p = producer("127.0.0.1:1", 16 << 10, &l);
    char value[1000] = {'x'};
    unsigned taken = 0;
    dm_err err = {0};
    int r;

    (void)state;
    while ((r = dm_produce(p, "t", (dm_str){NULL, 0}, (dm_str){value, sizeof value}, taken, &err)) == 0 && taken < 100)
        taken++;
    assert_int_equal(r, DM_KAFKA_FULL);
    assert_true(taken >= 15 && taken <= 17);
    dm_producer_poll(p);
    assert_int_equal(l.seen, 0);
    dm_producer_free(p); /* says what it could not do */
    assert_int_equal(l.seen, taken);
    assert_int_equal(l.again, taken);
}

/* The three ways not to be taken: this message never, this topic not now, anything else again. */
static void test_refused(void **state)
{
    static const struct {
        rd_kafka_resp_err_t e;
        int64_t verdict;
    } rows[] = {
            {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, DM_KAFKA_REFUSED},
            {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, DM_KAFKA_REFUSED},
            {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, DM_KAFKA_REFUSED},
            {RD_KAFKA_RESP_ERR_INVALID_RECORD, DM_KAFKA_REFUSED}, {RD_KAFKA_RESP_ERR_POLICY_VIOLATION, DM_KAFKA_CLOSED},
            {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, DM_KAFKA_CLOSED}, /* last: librdkafka remembers it a while */
    };
    const cluster *k = *state;
    static ledger l;
    dm_producer *p = producer(k->brokers, 1 << 20, &l);
    uint64_t tag = 0;

    for (size_t i = 0; i < DM_LEN(rows); i++) {
        unsigned seen = l.seen;
        put(p, "one", DM_STR("k"), DM_STR("first"), ++tag);
        wait_seen(p, &l, ++seen);
        rd_kafka_mock_push_request_errors(k->mock, API_PRODUCE, 1, rows[i].e);
        put(p, "one", DM_STR("k"), DM_STR("second"), ++tag);
        wait_seen(p, &l, ++seen);
        assert_int_equal(l.offsets[tag], rows[i].verdict);
        assert_string_equal(dm_producer_why(p), rd_kafka_err2str(rows[i].e));
    }
    assert_int_equal(l.ok, DM_LEN(rows)); /* what follows one that was refused goes on */
    assert_int_equal(l.refused, 4);
    assert_int_equal(l.closed, 2);
    dm_producer_free(p);
}

static void test_fatal(void **state)
{
    enum { N = 20 };
    const cluster *k = *state;
    static ledger l;
    dm_producer *p = producer(k->brokers, 1 << 20, &l);
    uint64_t tag = 0;

    for (int round = 0; round < 3; round++) {
        unsigned seen = l.seen;
        put(p, "one", DM_STR("k"), DM_STR("v"), ++tag);
        wait_seen(p, &l, seen + 1);
        assert_int_equal(l.ok, round + 1);
        /* "You have skipped a number": librdkafka gives up its whole instance. */
        rd_kafka_mock_push_request_errors(k->mock, API_PRODUCE, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
        for (int i = 0; i < N; i++) {
            dm_err err = {0};
            if (dm_produce(p, "one", DM_STR("k"), DM_STR("v"), ++tag, &err) != 0)
                fail_msg("%s", err.msg);
        }
        wait_seen(p, &l, seen + 1 + N);
        assert_int_equal(l.again, N * (round + 1));
        assert_true(l.in_order);
    }
    dm_producer_free(p);
}

static void test_outage(void **state)
{
    const cluster *k = *state;
    static ledger l;
    dm_producer *p = producer(k->brokers, 1 << 20, &l);
    dm_consumer *c = consumer(k->brokers);
    dm_message m;
    dm_err err = {0};

    put(p, "one", (dm_str){NULL, 0}, DM_STR("before"), 1);
    wait_seen(p, &l, 1);
    assign(c, "one", 1, -2);
    assert_int_equal(take(c, &m), 0);
    assert_int_equal(rd_kafka_mock_broker_set_down(k->mock, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    put(p, "one", (dm_str){NULL, 0}, DM_STR("during"), 2);
    for (int i = 0; i < 5; i++) { /* neither side calls that an error */
        assert_int_equal(dm_consume(c, 100, &m, &err), DM_CONSUME_NOTHING);
        dm_producer_poll(p);
    }
    assert_int_equal(l.seen, 1);
    assert_int_equal(rd_kafka_mock_broker_set_up(k->mock, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    wait_seen(p, &l, 2);
    assert_int_equal(l.ok, 2);
    assert_int_equal(take(c, &m), 0);
    assert_memory_equal(m.value.p, "during", 6);
    dm_producer_free(p);
    dm_consumer_free(c);
}

static void test_gap(void **state)
{
    enum { N = 40 };
    const cluster *k = *state;
    static ledger l;
    dm_producer *p = producer(k->brokers, 16 << 20, &l);
    dm_consumer *c = consumer(k->brokers);
    size_t n = 400000;
    char *big = malloc(n);
    uint32_t seed = 1;
    int64_t low = 0, high = 0;
    dm_message m;
    dm_err err = {0};

    /* The mock broker keeps 5 MiB of a partition. */
    for (size_t i = 0; i < n; i++)
        big[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
    for (unsigned i = 0; i < N; i++) {
        put(p, "one", (dm_str){NULL, 0}, (dm_str){big, n}, i);
        wait_seen(p, &l, i + 1);
    }
    assert_int_equal(dm_consumer_watermarks(c, "one", 0, &low, &high, &err), 0);
    assert_true(low > 0);
    assert_int_equal(high, N);
    assign(c, "one", 1, 0);
    assert_int_equal(take(c, &m), DM_CONSUME_GAP);
    assert_string_equal(m.topic, "one");
    assert_int_equal(m.partition, 0);
    assert_int_equal(m.offset, 0);
    assert_int_equal(dm_consume(c, 300, &m, &err), DM_CONSUME_NOTHING); /* nothing is skipped meanwhile */
    assign(c, "one", 1, low);
    assert_int_equal(take(c, &m), 0);
    assert_int_equal(m.offset, low);
    assign(c, "one", 1, high + 5); /* the log is shorter than we remember */
    assert_int_equal(take(c, &m), DM_CONSUME_GAP);
    assert_int_equal(m.offset, high + 5);
    assign(c, "one", 1, -2);
    assert_int_equal(take(c, &m), 0);
    assert_int_equal(m.offset, low);
    free(big);
    dm_producer_free(p);
    dm_consumer_free(c);
}

static void test_config(void **state)
{
    dm_producer_config bad = {.brokers = "127.0.0.1:1", .client_id = "x", .linger_ms = 5, .queue_max_bytes = 1};
    dm_producer *p = NULL;
    dm_consumer *c = NULL;
    dm_consumer_config none = {.brokers = "127.0.0.1:1"};
    ledger l;
    dm_err err = {0};

    (void)state;
    assert_int_equal(dm_producer_new(&bad, &p, &err), DM_E_INVALID);
    bad.delivered = on_delivered;
    bad.arg = &l;
    bad.linger_ms = 4000000;
    assert_int_equal(dm_producer_new(&bad, &p, &err), DM_E_INVALID);
    assert_int_equal(dm_consumer_new(&none, &c, &err), DM_E_INVALID);
    bad.linger_ms = 5;
    bad.login = (dm_kafka_login){"worker", "/nowhere", "/nowhere"};
    assert_int_equal(dm_producer_new(&bad, &p, &err), DM_E_NOTFOUND);
    assert_says(err, "password of worker");
    bad.login.ca_file = "";
    assert_int_equal(dm_producer_new(&bad, &p, &err), DM_E_INVALID);
    assert_says(err, "without a password's file or a certificate");
    bad.login = (dm_kafka_login){"worker", "/dev/null", "/nowhere"};
    assert_int_equal(dm_producer_new(&bad, &p, &err), DM_E_INVALID);
    none.client_id = "x";
    none.login = bad.login;
    assert_int_equal(dm_consumer_new(&none, &c, &err), DM_E_INVALID);
    dm_producer_free(NULL);
    dm_consumer_free(NULL);
}

/* GCC's and clang's thread sanitizers do not know C11's thrd_create, which librdkafka uses, and crash in its threads.
 */
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN true
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN true
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN false
#endif

int main(void)
{
    if (UNDER_TSAN) {
        (void)printf("SKIPPED: the thread sanitizer cannot run librdkafka\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(test_round_trip, cluster_up, cluster_down),
            cmocka_unit_test_setup_teardown(test_sizes, cluster_up, cluster_down),
            cmocka_unit_test_setup_teardown(test_metadata, cluster_up, cluster_down),
            cmocka_unit_test(test_full),
            cmocka_unit_test_setup_teardown(test_refused, cluster_up, cluster_down),
            cmocka_unit_test_setup_teardown(test_fatal, cluster_up, cluster_down),
            cmocka_unit_test_setup_teardown(test_outage, cluster_up, cluster_down),
            cmocka_unit_test_setup_teardown(test_gap, cluster_up, cluster_down),
            cmocka_unit_test(test_config),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
