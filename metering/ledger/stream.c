#include "metering/ledger/stream.h"

#include <assert.h>
#include <stdio.h>
#include <time.h>

#include "base/wire/topic.h"

#include "metering/kit/meters.h"
#include "metering/limits.h"

enum { START_TRIES = 60, START_STEP_MS = 500, ASK_MS = 2000, SEND_QUEUE = 16 << 20 };

typedef struct seen_end {
    const char *topic;
    int32_t part;
    int64_t high; /* at the look before; -1 */
} seen_end;

struct dm_stream {
    dm_stream_config c;
    dm_consumer *consumer;
    dm_producer *producer;
    dm_offset offsets[DM_LEDGER_PARTS_MAX];
    seen_end ends[DM_LEDGER_PARTS_MAX];
    size_t n, turn;
    bool heard;   /* of the broker, with the last look */
    size_t clean; /* looks in a row that found nothing left behind */
    int64_t kept_up_since;
    /* the message being sent */
    uint64_t tag;
    bool answered, delivered;
    unsigned wait_ms;
};

void dm_stream_free(dm_stream *s)
{
    if (s == NULL)
        return;
    dm_consumer_free(s->consumer);
    dm_producer_free(s->producer);
    free(s);
}

static void delivered(void *arg, uint64_t tag, bool ok, int64_t offset)
{
    dm_stream *s = arg;
    (void)offset;
    if (tag != s->tag)
        return; /* one that was given up earlier */
    s->answered = true;
    s->delivered = ok;
}

static void sleep_ms(long ms)
{
    struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static int assign(dm_stream *s, const char *topic, dm_err *err)
{
    int32_t parts = 0;
    int r = -1;
    for (int i = 0; i < START_TRIES && r < 0; i++) {
        r = dm_consumer_partitions(s->consumer, topic, ASK_MS, &parts, err);
        if (r < 0 && i + 1 < START_TRIES)
            sleep_ms(START_STEP_MS);
    }
    if (r < 0)
        return dm_wrap(err, "%s", topic);
    if (s->n + (size_t)parts > DM_LEDGER_PARTS_MAX)
        return dm_fail(err, DM_E_LIMIT, "%s has %d partitions", topic, parts);
    r = dm_ledger_assign(s->c.ledger, topic, parts, &s->offsets[s->n], err);
    for (int32_t i = 0; r == 0 && i < parts; i++)
        s->ends[s->n++] = (seen_end){topic, i, -1};
    return r;
}

static int consumer_of(const dm_stream_config *config, dm_consumer **out, dm_err *err)
{
    dm_consumer_config reading = {.brokers = config->brokers,
            .client_id = "dormouse-meter",
            .login = config->login,
            .queue_max_bytes = config->queue_bytes,
            .log = config->log};
    return dm_consumer_new(&reading, out, err);
}

int dm_stream_new(const dm_stream_config *config, dm_stream **out, dm_err *err)
{
    DM_AUTO(dm_stream) s = calloc(1, sizeof(*s));
    if (s == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for a stream");
    s->c = *config;
    s->kept_up_since = -1;
    dm_producer_config sending = {.brokers = config->brokers,
            .client_id = "dormouse-meter",
            .login = config->login,
            .linger_ms = 5,
            .queue_max_bytes = SEND_QUEUE,
            .log = config->log,
            .delivered = delivered,
            .arg = s};
    int r = consumer_of(config, &s->consumer, err);
    if (r == 0)
        r = dm_producer_new(&sending, &s->producer, err);
    if (r == 0)
        r = assign(s, DM_TOPIC_USAGE, err);
    if (r == 0)
        r = assign(s, DM_TOPIC_ATTEST, err);
    if (r == 0)
        r = dm_consumer_assign(s->consumer, s->offsets, s->n, err);
    if (r < 0)
        return r;
    *out = dm_steal(&s);
    return 0;
}

/* What the ledger wants next is gone from the stream: evidence may be lost for good, which is for people to decide. */
static int gap(dm_stream *s, const dm_message *m, dm_err *err)
{
    int r = dm_ledger_note_gap(s->c.ledger, m->topic, m->partition, err);
    if (r < 0)
        return r;
    int64_t wanted = dm_ledger_next(s->c.ledger, m->topic, m->partition);
    if (!s->c.accept_gap)
        return dm_fail(err, DM_E_CORRUPT,
                "%s/%d no longer has offset %lld: what was in between is lost to the ledger; set accept_gap = true to "
                "go on "
                "at the oldest message there is",
                m->topic, m->partition, (long long)wanted);
    DM_LOG(s->c.log, DM_ERROR, "stream.gap_accepted", dm_fs("topic", m->topic), dm_fi("partition", m->partition),
            dm_fi("wanted", wanted));
    for (size_t i = 0; i < s->n; i++) {
        bool here = s->offsets[i].partition == m->partition && strcmp(s->offsets[i].topic, m->topic) == 0;
        s->offsets[i].next = here ? -2 : dm_ledger_next(s->c.ledger, s->offsets[i].topic, s->offsets[i].partition);
    }
    return dm_consumer_assign(s->consumer, s->offsets, s->n, err);
}

int dm_stream_take(dm_stream *s, unsigned wait_ms, unsigned max, dm_err *err)
{
    unsigned n = 0;
    while (n < max && !dm_ledger_full(s->c.ledger)) {
        dm_message m;
        int r = dm_consume(s->consumer, n == 0 ? wait_ms : 0, &m, err);
        if (r == DM_CONSUME_NOTHING)
            break;
        if (r == DM_CONSUME_GAP) {
            char topic[64];
            r = dm_str_to_array(dm_str_c(m.topic), topic, sizeof(topic), err);
            m.topic = topic;
            if (r == 0)
                r = gap(s, &m, err);
        } else if (r == 0) {
            r = dm_ledger_take(s->c.ledger, &m, err);
        }
        if (r < 0)
            return r;
        n++;
    }
    return (int)n;
}

void dm_stream_lag(const dm_stream *s, int64_t *frames, int64_t *attestations)
{
    *frames = *attestations = 0;
    for (size_t i = 0; i < s->n; i++) {
        int64_t next = dm_ledger_next(s->c.ledger, s->ends[i].topic, s->ends[i].part);
        int64_t lag = s->ends[i].high > (next > 0 ? next : 0) ? s->ends[i].high - (next > 0 ? next : 0) : 0;
        *(strcmp(s->ends[i].topic, DM_TOPIC_USAGE) == 0 ? frames : attestations) += lag;
    }
}

static void show_lag(const dm_stream *s)
{
    int64_t usage, attest;
    dm_stream_lag(s, &usage, &attest);
    dm_metric_set(s->c.metrics, &dm_m_lag, DM_TOPIC_USAGE, usage);
    dm_metric_set(s->c.metrics, &dm_m_lag, DM_TOPIC_ATTEST, attest);
}

/* One partition a look: the broker answers only after the fetch that is under way, which on a quiet stream is half a
 * second later. Two whole rounds without falling behind are keeping up. */
int64_t dm_stream_look(dm_stream *s)
{
    assert(s->turn < s->n && s->n <= DM_LEDGER_PARTS_MAX);
    seen_end *e = &s->ends[s->turn];
    int64_t low, high, next = dm_ledger_next(s->c.ledger, e->topic, e->part);
    dm_err err;
    bool ok = dm_consumer_watermarks(s->consumer, e->topic, e->part, &low, &high, &err) == 0;
    s->heard = ok;
    if (!ok)
        dm_log_err(s->c.log, DM_WARN, "stream.broker_away", &err);
    if (ok && (next < 0 ? low : next) >= e->high) {
        s->clean++;
    } else {
        s->clean = 0;
        s->kept_up_since = -1;
    }
    if (ok)
        e->high = high;
    if (s->kept_up_since < 0 && s->clean >= 2 * s->n)
        s->kept_up_since = dm_second_of(dm_wall_us(s->c.clock));
    s->turn = (s->turn + 1) % s->n;
    show_lag(s);
    return s->kept_up_since;
}

bool dm_stream_answered(const dm_stream *s)
{
    return s->heard;
}

int dm_stream_reach(const dm_stream_config *config, dm_err *err)
{
    DM_AUTO(dm_consumer) asking = NULL;
    int32_t parts;
    int r = consumer_of(config, &asking, err);
    return r < 0 ? r : dm_consumer_partitions(asking, DM_TOPIC_USAGE, ASK_MS, &parts, err);
}

/* One message, until the broker has it. */
static int send(void *arg, const char *topic, dm_str key, dm_str value, dm_err *err)
{
    dm_stream *s = arg;
    s->tag++;
    s->answered = s->delivered = false;
    int r = dm_produce(s->producer, topic, key, value, s->tag, err);
    if (r != 0)
        return r;
    int64_t until = dm_mono_us(s->c.clock) + (int64_t)s->wait_ms * 1000;
    while (!s->answered && dm_mono_us(s->c.clock) < until) {
        dm_producer_poll(s->producer);
        if (!s->answered)
            sleep_ms(1);
    }
    return s->delivered ? 0 : DM_KAFKA_FULL;
}

int dm_stream_send(dm_stream *s, unsigned wait_ms, dm_err *err)
{
    static const char *const topics[] = {DM_TOPIC_DLQ, DM_TOPIC_STATEMENT, DM_TOPIC_INVOICE};
    s->wait_ms = wait_ms;
    for (size_t i = 0; i < DM_LEN(topics); i++) {
        int r = dm_ledger_outbox(s->c.ledger, topics[i], send, s, err);
        if (r < 0)
            return r;
    }
    return 0;
}
