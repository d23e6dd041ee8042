/* From the journal to a broker (librdkafka's own mock cluster: real sockets, the real protocol) and back: every frame
 * and every oath arrives, in the journal's order, whatever the broker does meanwhile; and the journal lets go of what
 * the ledger has, and of nothing else. */
#include <dirent.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/kafka.h"
#include "base/wire/topic.h"

#include "tests/support/workerrig.h"
#include "workers/host/publish.h"

static rig one;
static rd_kafka_t *rk;
static rd_kafka_mock_cluster_t *mock;
static char brokers[128];
static dm_publish *publish;

static void begin(rig *r)
{
    dm_err err;
    if (dm_publish_new(r->w, &publish, &err) < 0)
        fail_msg("%s", err.msg);
}

static int open_rig(void **state)
{
    char why[200];
    *state = &one;
    if (getuid() != 0)
        return 0;
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
    mock = rk != NULL ? rd_kafka_mock_cluster_new(rk, 1) : NULL;
    if (mock == NULL)
        return -1;
    (void)rd_kafka_mock_topic_create(mock, DM_TOPIC_USAGE, 1, 1);
    (void)rd_kafka_mock_topic_create(mock, DM_TOPIC_ATTEST, 1, 1);
    (void)rd_kafka_mock_topic_create(mock, DM_TOPIC_DLQ, 1, 1);
    (void)snprintf(brokers, sizeof(brokers), "%s", rd_kafka_mock_cluster_bootstraps(mock));
    rig_open(&one);
    one.conf.brokers = brokers;
    rig_enrol(&one);
    rig_settle(&one);
    return 0;
}

static int close_rig(void **state)
{
    if (getuid() != 0)
        return 0;
    dm_publish_free(publish);
    publish = NULL;
    rig_close(*state);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(rk);
    return 0;
}

/* What the topics hold: frames that came for the first time, and again. */
typedef struct held {
    unsigned frames, repeated, oaths;
    uint64_t boot, frame;
    uint64_t missing; /* a frame that was jumped over */
    bool in_order;
} held;

static void read_frame(held *h, dm_str bytes)
{
    dm_frame_head f;
    const uint8_t *samples;
    assert_int_equal(dm_frame_open(bytes, &f, &samples, NULL), 0);
    if (f.worker_boot < h->boot || (f.worker_boot == h->boot && f.frame_no <= h->frame)) {
        h->repeated++;
        return;
    }
    uint64_t next = f.worker_boot == h->boot ? h->frame + 1 : 1;
    if (f.frame_no == next + 1 && h->missing == 0)
        h->missing = next;
    else
        h->in_order = h->in_order && f.frame_no == next;
    h->boot = f.worker_boot;
    h->frame = f.frame_no;
    h->frames++;
}

static held hold(void)
{
    held h = {.in_order = true};
    dm_consumer_config c = {.brokers = brokers, .client_id = "test", .queue_max_bytes = 1 << 20};
    static const dm_offset from[] = {{DM_TOPIC_USAGE, 0, -2}, {DM_TOPIC_ATTEST, 0, -2}};
    DM_AUTO(dm_consumer) k = NULL;
    dm_err err;
    assert_int_equal(dm_consumer_new(&c, &k, &err), 0);
    assert_int_equal(dm_consumer_assign(k, from, DM_LEN(from), &err), 0);
    for (int r = 0; r == 0;) {
        dm_message m;
        r = dm_consume(k, h.frames == 0 ? 2000 : 250, &m, &err);
        assert_true(r == 0 || r == DM_CONSUME_NOTHING);
        if (r != 0)
            break;
        assert_true(dm_str_eq_c(m.key, "1")); /* its number: one worker, one partition, one order */
        if (strcmp(m.topic, DM_TOPIC_USAGE) == 0)
            read_frame(&h, m.value);
        else
            h.oaths++;
    }
    return h;
}

/* Until the topics have what the journal has. */
static held all_of(rig *r)
{
    static evidence e;
    held h = {0};
    rig_settle(r);
    ev_read(r, &e);
    for (int tries = 0; tries < 100 && (h.frames < e.frames || h.oaths < e.attests); tries++) {
        for (int i = 0; i < 200; i++) { /* longer in all than it waits before it tries again */
            dm_clock_fake_move(&r->clock, 8000);
            rig_turn(r);
        }
        rig_settle(r);
        ev_read(r, &e);
        h = hold();
    }
    assert_true(h.in_order && h.missing == 0);
    assert_true(h.frames >= e.frames && h.oaths >= e.attests);
    return h;
}

static unsigned segments(const rig *r)
{
    char dir[PATH_MAX];
    unsigned n = 0;
    (void)snprintf(dir, sizeof(dir), "%s/journal", r->data);
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        n += strstr(e->d_name, ".journal") != NULL;
    if (d != NULL)
        (void)closedir(d);
    return n;
}

static void all_of_it_arrives_in_order(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    begin(r);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    rig_seconds(r, 65);
    held h = all_of(r);
    assert_true(h.frames >= 65);
    assert_int_equal(h.repeated, 0);
    assert_int_equal(h.oaths, 2); /* the sandbox's and the end record */
}

static void a_broker_that_is_away_is_caught_up_with(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    begin(r);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    rig_seconds(r, 3);
    (void)all_of(r);
    (void)rd_kafka_mock_broker_set_down(mock, 1);
    rig_seconds(r, 70); /* nothing of the worker waits for it */
    assert_int_equal(box(r, 1)->state, DM_BOX_RUNNING);
    (void)rd_kafka_mock_broker_set_up(mock, 1);
    assert_true(all_of(r).frames >= 73);
}

/* What the broker refuses is read from the journal again, in order: it may come twice, and never not at all. */
static void what_is_refused_is_sent_again(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    begin(r);
    rig_seconds(r, 2);
    (void)all_of(r);
    rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 2, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
            RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    rig_seconds(r, 20);
    for (int i = 0; i < 40; i++) { /* it waits a second before it tries again */
        dm_clock_fake_move(&r->clock, 100000);
        rig_turn(r);
    }
    assert_true(all_of(r).frames >= 22);
}

static void some_time(rig *r, int ms)
{
    for (int i = 0; i < ms / 50; i++) {
        dm_clock_fake_move(&r->clock, 50000);
        rig_turn(r);
    }
}

/* The one file among the dead letters, or "". */
static const char *dead_letter(const rig *r, unsigned *n)
{
    static char path[PATH_MAX];
    char dir[PATH_MAX - 300];
    (void)snprintf(dir, sizeof(dir), "%s/dead-letters", r->data);
    *n = 0;
    path[0] = '\0';
    DIR *d = opendir(dir);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        (*n)++;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
    }
    if (d != NULL)
        (void)closedir(d);
    return path;
}

static bool shows(const rig *r, const char *line)
{
    DM_AUTO_BUF text;
    dm_buf_init(&text, 1 << 20);
    assert_int_equal(dm_metrics_print(r->h.metrics, &text, NULL), 0);
    return strstr(text.p, line) != NULL;
}

/* One, in this boot. */
static bool counted(const rig *r)
{
    return shows(r, "dm_worker_dead_letters_total{topic=\"" DM_TOPIC_USAGE "\"} 1\n");
}

static bool stands_still(const rig *r)
{
    return shows(r, "dm_worker_publish_stands_still 1\n");
}

static void refuse(int times, rd_kafka_resp_err_t e)
{
    for (int i = 0; i < times; i++)
        rd_kafka_mock_push_request_errors(mock, 0 /* Produce */, 1, e);
}

static unsigned letters_told(void)
{
    dm_consumer_config c = {.brokers = brokers, .client_id = "test", .queue_max_bytes = 1 << 20};
    static const dm_offset from[] = {{DM_TOPIC_DLQ, 0, -2}};
    DM_AUTO(dm_consumer) k = NULL;
    dm_err err;
    unsigned n = 0;
    assert_int_equal(dm_consumer_new(&c, &k, &err), 0);
    assert_int_equal(dm_consumer_assign(k, from, DM_LEN(from), &err), 0);
    for (dm_message m; dm_consume(k, n == 0 ? 2000 : 250, &m, &err) == 0; n++) {
        DM_AUTO(json_t) o = NULL;
        assert_int_equal(dm_json_load(m.value, 1 << 16, &o, NULL), 0);
        assert_string_equal(dm_json_c(o, "reason"), "refused_by_broker");
        assert_string_equal(dm_json_c(o, "topic"), DM_TOPIC_USAGE);
        assert_non_null(strstr(dm_json_c(o, "file"), ".frame"));
    }
    return n;
}

/* The rig's clock stands. */
static void real_time(rig *r, int ms)
{
    int64_t until = dm_mono_ms(&dm_clock_real) + ms;
    while (dm_mono_ms(&dm_clock_real) < until)
        rig_turn(r);
}

/* So many times a tenth of a second of the rig's time, and a tenth of that in truth. */
static void both_times(rig *r, int n)
{
    for (int i = 0; i < n; i++) {
        dm_clock_fake_move(&r->clock, 100000);
        real_time(r, 10);
    }
}

static void comes_to_stand_still(rig *r)
{
    for (int i = 0; i < 1000 && !stands_still(r); i++)
        both_times(r, 1);
    assert_true(stands_still(r));
}

/* What goes out next is refused with whatever is in its request, and then its first message alone. Time stands in
 * between, so that no other request takes what is meant for that one. */
static void refuse_one(rig *r, rd_kafka_resp_err_t e)
{
    refuse(1, e);
    dm_clock_fake_move(&r->clock, 60000);
    real_time(r, 1000);
    refuse(1, e);
    for (int i = 0; i < 1000 && !counted(r); i++) {
        dm_clock_fake_move(&r->clock, 50000);
        real_time(r, 20);
    }
    assert_true(counted(r));
}

/* Refused with others, and then alone: it is kept as a file, whole, and what follows goes on. */
static void what_is_refused_for_good_is_a_dead_letter(void **state)
{
    rig *r = *state;
    unsigned n;
    NEED_ROOT();
    begin(r);
    rig_seconds(r, 2);
    (void)all_of(r);
    rig_settle(r);
    dm_clock_fake_move(&r->clock, 1000000);
    refuse_one(r, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    rig_seconds(r, 20);
    held h = {0};
    for (int i = 0; i < 50 && h.frame < 20; i++) {
        some_time(r, 200);
        rig_settle(r);
        h = hold();
    }
    assert_true(h.in_order && h.frame >= 20);
    assert_true(h.missing > 0); /* one, and no other */
    const char *path = dead_letter(r, &n);
    assert_int_equal(n, 1);
    DM_AUTO_BUF b;
    dm_frame_head f;
    const uint8_t *samples;
    dm_buf_init(&b, DM_RECORD_BYTES_MAX);
    assert_int_equal(dm_file_read(path, &b, NULL), 0);
    assert_int_equal(dm_frame_open(dm_buf_view(&b), &f, &samples, NULL), 0);
    assert_int_equal(f.frame_no, h.missing);
    assert_int_equal(letters_told(), 1);
    assert_true(counted(r));
}

/* A worker that ends between the letter and what follows writes the same letter again. */
static void a_letter_is_written_once_however_often_it_is_refused(void **state)
{
    rig *r = *state;
    unsigned n;
    NEED_ROOT();
    for (int boot = 0; boot < 2; boot++) {
        rig_seconds(r, 2);
        rig_settle(r);
        begin(r);
        refuse_one(r, RD_KAFKA_RESP_ERR_INVALID_RECORD); /* the first frame there is, both times */
        dm_publish_free(publish);
        publish = NULL;
        rig_crash(r);
        rig_until(r, r->w->adopting == 0);
    }
    (void)dead_letter(r, &n);
    assert_int_equal(n, 1);
    begin(r);
}

/* Without room for the letter nothing is skipped: the record is tried again, and what follows waits for it. */
static void nothing_is_skipped_that_is_not_kept(void **state)
{
    rig *r = *state;
    unsigned n;
    char dir[PATH_MAX];
    NEED_ROOT();
    (void)snprintf(dir, sizeof(dir), "%s/dead-letters", r->data);
    for (unsigned i = 0; i < DM_DEAD_LETTERS_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%u", i);
        rig_file(dir, name, "x");
    }
    begin(r);
    refuse(3, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    rig_seconds(r, 5);
    comes_to_stand_still(r);
    both_times(r, 200);
    (void)dead_letter(r, &n);
    assert_int_equal(n, DM_DEAD_LETTERS_MAX);
    assert_true(all_of(r).frames >= 5); /* all of it, as soon as it is taken */
    assert_false(stands_still(r));
}

/* A topic that takes nothing is no verdict on a message: all waits, and goes on when somebody put it right. */
static void a_closed_topic_costs_nothing(void **state)
{
    rig *r = *state;
    unsigned n;
    NEED_ROOT();
    begin(r);
    rig_seconds(r, 2);
    (void)all_of(r);
    refuse(2, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    rig_seconds(r, 10);
    comes_to_stand_still(r);
    both_times(r, 100);
    assert_true(all_of(r).frames >= 12);
    assert_false(stands_still(r));
    (void)dead_letter(r, &n);
    assert_int_equal(n, 0);
}

static void a_new_boot_sends_what_the_journal_still_has(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    begin(r);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    rig_seconds(r, 62);
    held before = all_of(r);
    dm_publish_free(publish);
    publish = NULL;
    rig_crash(r);
    rig_until(r, r->w->adopting == 0);
    begin(r);
    rig_seconds(r, 3);
    held after = all_of(r);
    assert_true(after.repeated >= before.frames); /* twice is harmless, which is why nobody keeps count */
    assert_true(after.frames > before.frames);
    assert_int_equal(after.boot, 2);
}

static void segments_go_when_the_ledger_has_them(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    r->conf.journal_segment_bytes = 4096;
    rig_crash(r);
    rig_until(r, r->w->adopting == 0);
    begin(r);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    for (int i = 0; i < 30; i++) {
        rig_seconds(r, 10);
        rig_settle(r);
    }
    (void)all_of(r);
    unsigned many = segments(r);
    assert_true(many > 5);
    dm_worker_durable(r->w, r->w->at.boot, 130); /* a margin is kept for the oaths that follow their frames */
    rig_seconds(r, 1);
    unsigned fewer = segments(r);
    assert_true(fewer <= many);
    dm_worker_durable(r->w, r->w->at.boot, 1000000);
    for (int i = 0; i < 20; i++) {
        dm_clock_fake_move(&r->clock, 60000);
        rig_turn(r);
    }
    assert_true(segments(r) <= 2); /* the newest snapshot's, whatever the ledger says, and what follows it */
    dm_publish_free(publish);
    publish = NULL;
    rig_crash(r);
    rig_until(r, r->w->adopting == 0);
    rig_settle(r);
    assert_int_equal(box(r, 1)->state, DM_BOX_RUNNING); /* and that is enough to know all there is */
}

/* Without room nothing new is taken; half a minute later what runs is put to sleep, whose evidence is small. */
static void without_room_what_runs_sleeps(void **state)
{
    rig *r = *state;
    NEED_ROOT();
    begin(r);
    assert_int_equal(status_of(r, rig_start(r, 1, 1)), 201);
    rig_seconds(r, 5);
    rig_settle(r);
    dm_publish_free(publish);
    publish = NULL;
    r->conf.journal_bytes_max = 1000;
    rig_crash(r);
    rig_until(r, r->w->adopting == 0);
    begin(r);
    assert_int_equal(status_of(r, rig_start(r, 2, 1)), 503);
    rig_seconds(r, 25);
    assert_int_equal(box(r, 1)->state, DM_BOX_RUNNING);
    rig_seconds(r, 8);
    rig_until(r, box(r, 1)->state == DM_BOX_ASLEEP);
    rig_settle(r);
    assert_string_equal(events_of(r, 1), "asleep 1 operator_drained");
    static evidence e;
    ev_read(r, &e);
    assert_true(ev_count(&e, 1, 1, DM_SAMPLE_RUN) >= 30); /* and every second until then is proven */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_rig, close_rig)
    const struct CMUnitTest tests[] = {
            TEST(all_of_it_arrives_in_order),
            TEST(a_broker_that_is_away_is_caught_up_with),
            TEST(what_is_refused_is_sent_again),
            TEST(what_is_refused_for_good_is_a_dead_letter),
            TEST(a_letter_is_written_once_however_often_it_is_refused),
            TEST(nothing_is_skipped_that_is_not_kept),
            TEST(a_closed_topic_costs_nothing),
            TEST(a_new_boot_sends_what_the_journal_still_has),
            TEST(segments_go_when_the_ledger_has_them),
            TEST(without_room_what_runs_sleeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
