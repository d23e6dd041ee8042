/* Kafka as base/kafka.h has it, in shared memory, for programs that are linked with this file instead: partitions keep
 * what was appended, in order, for good. The broker may be away: then nothing is taken or given. It may give back: a
 * message was not confirmed, and whether it, and those behind it, are in the log nobody is told; so a record comes
 * twice, or behind its successors. A producer that dies takes with it what it had not delivered. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/kafka.h"
#include "base/parse.h"
#include "base/wire/topic.h"

#include "tests/crash/stage.h"

enum { QUEUE_MAX = 64 };

static const char *const topics[TOPICS] = {
        DM_TOPIC_USAGE, DM_TOPIC_ATTEST, DM_TOPIC_DLQ, DM_TOPIC_STATEMENT, DM_TOPIC_INVOICE};

const char *log_topic(int topic)
{
    return topics[topic];
}

int log_parts(int topic)
{
    return topic < 2 ? PARTS : 1;
}

static int topic_of(const char *name)
{
    int i = 0;
    while (i < TOPICS && strcmp(topics[i], name) != 0)
        i++;
    return i;
}

int log_part_of(int topic, dm_str key)
{
    uint64_t no = 0;
    if (dm_parse_u64(key, 0, UINT64_MAX / 2, &no, NULL) < 0)
        no = 0; /* an account's */
    return (int)(no % (uint64_t)log_parts(topic));
}

dm_str log_value(const broker *b, const logged *m)
{
    return (dm_str){b->bytes + m->at, m->n};
}

void log_append(broker *b, int topic, int part, dm_str key, dm_str value, int64_t ts_ms)
{
    assert(topic < TOPICS && b->parts[topic][part].n < LOG_MAX && b->used + key.n + value.n <= LOG_BYTES);
    logged *m = &b->parts[topic][part].v[b->parts[topic][part].n++];
    *m = (logged){.at = (uint32_t)b->used, .n = (uint32_t)value.n, .ts_ms = ts_ms};
    memcpy(b->bytes + b->used, value.p, value.n);
    b->used += value.n;
    m->key_at = (uint32_t)b->used;
    m->key_n = (uint32_t)key.n;
    memcpy(b->bytes + b->used, key.p, key.n);
    b->used += key.n;
}

/* --- producing ---------------------------------------------------------------------------------------------- */

typedef struct queued {
    int topic, part;
    char key[48], *value;
    size_t n;
    uint64_t tag;
} queued;

struct dm_producer {
    dm_producer_config c;
    int fd;
    queued q[QUEUE_MAX];
    size_t n;
};

int dm_producer_new(const dm_producer_config *config, dm_producer **out, dm_err *err)
{
    dm_producer *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return dm_fail(err, DM_E_NOMEM, "a producer");
    p->c = *config;
    p->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *out = p;
    return 0;
}

static void give_back(dm_producer *p, queued *q)
{
    free(q->value);
    p->c.delivered(p->c.arg, q->tag, false, DM_KAFKA_AGAIN);
}

void dm_producer_free(dm_producer *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->n; i++)
        give_back(p, &p->q[i]);
    (void)close(p->fd);
    free(p);
}

int dm_produce(dm_producer *p, const char *topic, dm_str key, dm_str value, uint64_t tag, dm_err *err)
{
    int t = topic_of(topic);
    if (t == TOPICS)
        return dm_fail(err, DM_E_NOTFOUND, "no topic %s", topic);
    if (p->n == QUEUE_MAX || broker_is_away())
        return DM_KAFKA_FULL;
    queued *q = &p->q[p->n];
    *q = (queued){.topic = t, .part = log_part_of(t, key), .value = dm_str_dup(value), .n = value.n, .tag = tag};
    if (q->value == NULL)
        return dm_fail(err, DM_E_NOMEM, "a message");
    int r = dm_str_to_array(key, q->key, sizeof(q->key), err);
    if (r == 0)
        p->n++;
    return r;
}

int dm_producer_fd(const dm_producer *p)
{
    return p->fd;
}

static int64_t append(const queued *q)
{
    broker *b = &crash_stage->log;
    log_append(b, q->topic, q->part, dm_str_c(q->key), (dm_str){q->value, q->n},
            (T0 * 1000000 + crash_stage->now_us) / 1000);
    return b->parts[q->topic][q->part].n - 1;
}

void dm_producer_poll(dm_producer *p)
{
    broker *b = &crash_stage->log;
    queued q[QUEUE_MAX];
    size_t n = broker_is_away() ? 0 : p->n;
    bool bad = false;
    memcpy(q, p->q, n * sizeof(q[0]));
    p->n -= n;
    for (size_t i = 0; i < n; i++) {
        bad = bad || (b->gives_back > 0 && rng(&b->rng) % 1000 < b->gives_back);
        int64_t offset = !bad || rng(&b->rng) % 2 == 0 ? append(&q[i]) : -1;
        if (bad) {
            give_back(p, &q[i]);
            continue;
        }
        free(q[i].value);
        p->c.delivered(p->c.arg, q[i].tag, true, offset);
    }
}

const char *dm_producer_why(const dm_producer *p)
{
    (void)p;
    return "the broker gave it back";
}

/* --- consuming ---------------------------------------------------------------------------------------------- */

struct dm_consumer {
    dm_offset at[TOPICS * PARTS];
    size_t n, turn;
};

int dm_consumer_new(const dm_consumer_config *config, dm_consumer **out, dm_err *err)
{
    (void)config;
    *out = calloc(1, sizeof(**out));
    return *out != NULL ? 0 : dm_fail(err, DM_E_NOMEM, "a consumer");
}

void dm_consumer_free(dm_consumer *c)
{
    free(c);
}

int dm_consumer_partitions(dm_consumer *c, const char *topic, unsigned timeout_ms, int32_t *out, dm_err *err)
{
    (void)c;
    (void)timeout_ms;
    int t = topic_of(topic);
    if (t == TOPICS)
        return dm_fail(err, DM_E_NOTFOUND, "no topic %s", topic);
    *out = log_parts(t);
    return 0;
}

int dm_consumer_assign(dm_consumer *c, const dm_offset *offsets, size_t n, dm_err *err)
{
    (void)err;
    assert(n <= DM_LEN(c->at));
    memcpy(c->at, offsets, n * sizeof(*offsets));
    c->n = n;
    for (size_t i = 0; i < n; i++)
        c->at[i].next = c->at[i].next < 0 ? 0 : c->at[i].next;
    return 0;
}

int dm_consume(dm_consumer *c, unsigned wait_ms, dm_message *out, dm_err *err)
{
    const broker *b = &crash_stage->log;
    (void)wait_ms;
    (void)err;
    for (size_t i = 0; i < c->n && !b->away; i++) {
        dm_offset *at = &c->at[c->turn];
        int t = topic_of(at->topic);
        if (at->next >= b->parts[t][at->partition].n) {
            c->turn = (c->turn + 1) % c->n;
            continue;
        }
        const logged *m = &b->parts[t][at->partition].v[at->next];
        *out = (dm_message){.topic = at->topic,
                .partition = at->partition,
                .offset = at->next++,
                .timestamp_ms = m->ts_ms,
                .key = {b->bytes + m->key_at, m->key_n},
                .value = log_value(b, m)};
        return 0;
    }
    return DM_CONSUME_NOTHING;
}

int dm_consumer_watermarks(
        dm_consumer *c, const char *topic, int32_t partition, int64_t *low, int64_t *high, dm_err *err)
{
    (void)c;
    if (crash_stage->log.away)
        return dm_fail(err, DM_E_UNAVAILABLE, "the broker is away");
    *low = 0;
    *high = crash_stage->log.parts[topic_of(topic)][partition].n;
    return 0;
}
