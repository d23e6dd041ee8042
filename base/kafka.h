/* base/kafka.h: Kafka over librdkafka. The producer is idempotent with acks=all and never drops: when its queue is
 * full it says so and the caller keeps the bytes. The consumer is assigned partitions and offsets by the caller, who
 * keeps them in the database; Kafka's own committed offsets are never read. */
#ifndef DM_BASE_KAFKA_H
#define DM_BASE_KAFKA_H

#include "base/buf.h"
#include "base/log.h"

enum { DM_KAFKA_FULL = 1 };
enum { DM_KAFKA_AGAIN = -1, DM_KAFKA_REFUSED = -2, DM_KAFKA_CLOSED = -3, DM_KAFKA_ASSIGN_MAX = 4096 };

/* Who a client is to the broker: a password, and the certificate by which the broker is known before it is told. No
 * user (NULL or ""): the broker asks nobody, nothing is encrypted. The files are read whenever a client is made. */
typedef struct dm_kafka_login {
    const char *user, *password_file, *ca_file;
} dm_kafka_login;

typedef struct dm_producer dm_producer;

typedef struct dm_producer_config {
    const char *brokers;
    const char *client_id;
    dm_kafka_login login;
    unsigned linger_ms;
    size_t queue_max_bytes;
    dm_log *log;
    /* Runs inside dm_producer_poll and dm_producer_free: one for each accepted message, in order within a partition.
     * ok true: it is in the log, at offset (-1 when a repeated request has lost that). ok false: the caller still has
     * the bytes in its journal, and offset says what to do with them. DM_KAFKA_REFUSED: the broker does not take
     * such a message (too large, invalid), now or later; it judges what it got in one request as one, so that another
     * may be meant than this one. DM_KAFKA_CLOSED: the topic takes nothing of ours (there is none, we are not allowed),
     * until somebody puts that right. DM_KAFKA_AGAIN: the producer had to be renewed, or is being freed; produce them
     * again, they may or may not be in the log already. dm_producer_why has the broker's words. */
    void (*delivered)(void *arg, uint64_t tag, bool ok, int64_t offset);
    void *arg;
} dm_producer_config;

int dm_producer_new(const dm_producer_config *config, dm_producer **out, dm_err *err) DM_NODISCARD;
void dm_producer_free(dm_producer *p); /* waits up to 2 s for what is under way */
DM_DEFINE_FREEP(dm_producer)

/* Bytes are copied. key decides the partition (Kafka's own hash); .p NULL is no key, any partition. 0 or DM_KAFKA_FULL:
 * try again after the next dm_producer_poll. More than 2 MiB, or than the queue holds, is DM_E_LIMIT. One thread. */
int dm_produce(dm_producer *p, const char *topic, dm_str key, dm_str value, uint64_t tag, dm_err *err) DM_NODISCARD;
/* A descriptor that becomes readable when dm_producer_poll has something to do. */
int dm_producer_fd(const dm_producer *p);
void dm_producer_poll(dm_producer *p);
/* Inside delivered, when ok is false: why, in words; not the caller's to free. */
const char *dm_producer_why(const dm_producer *p);

typedef struct dm_consumer dm_consumer;

typedef struct dm_consumer_config {
    const char *brokers;
    const char *client_id;
    dm_kafka_login login;
    size_t queue_max_bytes;
    dm_log *log;
} dm_consumer_config;

typedef struct dm_message {
    const char *topic; /* borrowed until the next dm_consume */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms; /* the broker's log append time, or the producer's; 0 when unknown */
    dm_str key, value;
} dm_message;

enum { DM_CONSUME_NOTHING = 1, DM_CONSUME_GAP = 2 };

int dm_consumer_new(const dm_consumer_config *config, dm_consumer **out, dm_err *err) DM_NODISCARD;
void dm_consumer_free(dm_consumer *c);
DM_DEFINE_FREEP(dm_consumer)

/* How many partitions a topic has; DM_E_NOTFOUND when there is no such topic. */
int dm_consumer_partitions(
        dm_consumer *c, const char *topic, unsigned timeout_ms, int32_t *out, dm_err *err) DM_NODISCARD;
typedef struct dm_offset {
    const char *topic;
    int32_t partition;
    int64_t next; /* the first to be read; -2: the oldest there is */
} dm_offset;
int dm_consumer_assign(dm_consumer *c, const dm_offset *offsets, size_t n, dm_err *err) DM_NODISCARD;

/* The next message, waiting up to wait_ms. DM_CONSUME_NOTHING; DM_CONSUME_GAP when the broker does not have the wanted
 * offset (auto.offset.reset=error): topic, partition and offset of *out say which; the caller decides, nothing is
 * skipped. A broker that is away is DM_CONSUME_NOTHING. An absent key or value has .p NULL. One thread. */
int dm_consume(dm_consumer *c, unsigned wait_ms, dm_message *out, dm_err *err) DM_NODISCARD;
/* First and next-to-be-written offset as the broker knows them. */
int dm_consumer_watermarks(
        dm_consumer *c, const char *topic, int32_t partition, int64_t *low, int64_t *high, dm_err *err) DM_NODISCARD;

#endif
