/* metering/ledger/stream.h: the meter at its stream: which partitions it reads, how far behind it is, and what it
 * sends. Between the ledger, which knows no Kafka, and base/kafka, which knows no ledger. One thread. */
#ifndef DM_METERING_LEDGER_STREAM_H
#define DM_METERING_LEDGER_STREAM_H

#include "base/kafka.h"

#include "metering/ledger/ledger.h"

typedef struct dm_stream dm_stream;

typedef struct dm_stream_config {
    const char *brokers;
    dm_kafka_login login;
    size_t queue_bytes;
    bool accept_gap;
    dm_ledger *ledger; /* borrowed */
    const dm_clock *clock;
    dm_log *log;
    dm_metrics *metrics;
} dm_stream_config;

/* Takes every partition of both topics over and begins to read where the ledger ends. Waits some seconds for a broker
 * or a topic that is not there yet. */
int dm_stream_new(const dm_stream_config *config, dm_stream **out, dm_err *err) DM_NODISCARD;
void dm_stream_free(dm_stream *s);
DM_DEFINE_FREEP(dm_stream)

/* Takes what there is into the ledger, waiting up to wait_ms for the first message, at most max messages. How many;
 * negative: the program must stop. */
int dm_stream_take(dm_stream *s, unsigned wait_ms, unsigned max, dm_err *err) DM_NODISCARD;

/* Asks the broker how far the end of one partition is, the next one each time. Returns since which second (UTC) each
 * look found everything read that was there at the look before it, of all partitions; -1 when one did not, or the
 * broker did not answer. Takes up to half a second on a quiet stream. */
int64_t dm_stream_look(dm_stream *s);

/* Whether the broker answered the last look. */
bool dm_stream_answered(const dm_stream *s);
/* Whether it can be reached at all, and has the topic of usage; waits a second or two. Without a stream. */
int dm_stream_reach(const dm_stream_config *config, dm_err *err) DM_NODISCARD;

/* Messages that were not yet read, of each topic, as far as the last looks saw the ends. */
void dm_stream_lag(const dm_stream *s, int64_t *frames, int64_t *attestations);

/* Sends what the outbox holds, waiting up to wait_ms for the broker to take it. */
int dm_stream_send(dm_stream *s, unsigned wait_ms, dm_err *err) DM_NODISCARD;

#endif
