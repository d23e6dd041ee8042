/* metering/ledger/ledger.h: what arrives becomes evidence, exactly once. Messages are taken into memory; each flush is
 * one transaction that appends the frames as chunks, the attestations, the workers' marks, and moves the offsets under
 * a fence: so whatever moment a crash chooses, offsets and evidence agree. After a restart the open periods are rebuilt
 * from the chunks, and then the stream is read on from the offsets.
 *
 * Nothing here knows Kafka: a message is bytes with coordinates. One thread calls; the database connection is the
 * ledger's alone. An error of a function that writes leaves memory and database apart: the program stops and its
 * successor rebuilds. */
#ifndef DM_METERING_LEDGER_LEDGER_H
#define DM_METERING_LEDGER_LEDGER_H

#include "base/crypto.h"
#include "base/kafka.h"
#include "base/metrics.h"
#include "base/pg.h"

#include "metering/kit/counted.h"

enum {
    DM_LEDGER_ZOMBIE = 1, /* another meter has taken over: nothing was written; stop */
    DM_LEDGER_WAIT = 2,   /* close: not yet */
};

typedef struct dm_ledger_config {
    dm_pg *pg;      /* role dm_meter; borrowed */
    const char *db; /* for another such connection, with which periods that have ended are written on a thread of the
                       ledger's; NULL: with pg, on the caller's */
    const dm_clock *clock;
    dm_log *log;
    dm_metrics *metrics;             /* may be NULL */
    const dm_sign_key *key;          /* the service's; statements are signed with it */
    const uint8_t *frame_secret;     /* DM_KEY bytes: workers' keys for frames are made of it */
    const uint8_t *frame_secret_old; /* of which they were made before, and which is still in force; NULL: none is */
    bool accept_unsealed;            /* frames without a seal count of a worker that was never given a key, too */
    const char *owner;               /* a uuid: who holds the fence */
    uint32_t period_s;
    uint32_t wait_s;        /* how long after a period's end missing evidence is waited for */
    size_t rows_max;        /* of usage in memory */
    size_t worker_rows_max; /* of these one worker's in one period; what exceeds it is not believed */
} dm_ledger_config;

typedef struct dm_ledger dm_ledger;

/* Takes over from whoever was the meter, whose flushes and closes are no more written; registers the public key, makes
 * partitions, loads marks and rebuilds the open periods. config is copied, what it points to borrowed. */
int dm_ledger_open(const dm_ledger_config *config, dm_ledger **out, dm_err *err) DM_NODISCARD;
void dm_ledger_free(dm_ledger *l); /* what was not flushed is read again by whoever comes next */
DM_DEFINE_FREEP(dm_ledger)

/* Takes all partitions of a topic over. offsets (room for parts) says where to read on; topic is borrowed for ever. */
int dm_ledger_assign(dm_ledger *l, const char *topic, int32_t parts, dm_offset *offsets, dm_err *err) DM_NODISCARD;

/* A message of an assigned topic. What is wrong with it is noted, never an error. */
int dm_ledger_take(dm_ledger *l, const dm_message *m, dm_err *err) DM_NODISCARD;

/* The offset after the last message taken; -2 when none ever was. */
int64_t dm_ledger_next(const dm_ledger *l, const char *topic, int32_t part);

/* Notes, once, that the stream no longer has what comes next there. */
int dm_ledger_note_gap(dm_ledger *l, const char *topic, int32_t part, dm_err *err) DM_NODISCARD;

/* What was counted of open periods, flushed or not: what has changed since this was asked last, at most max counters
 * (the others next time), and the newest second of which a frame has come; -1: none has. */
size_t dm_ledger_counted(dm_ledger *l, dm_counted *out, size_t max, int64_t *newest);

/* Enough has gathered that a flush should not wait. */
bool dm_ledger_full(const dm_ledger *l);
/* 0 or DM_LEDGER_ZOMBIE. Nothing to write is 0. */
int dm_ledger_flush(dm_ledger *l, dm_err *err) DM_NODISCARD;

/* Whether this meter still is the one that may write. ledger is a dm_ledger. Inside a transaction of any connection:
 * until that ends nobody else can take over, and flushes go on. Any thread. */
int dm_ledger_held(void *ledger, dm_pg *c, bool *held, dm_err *err) DM_NODISCARD;

/* Writes the evidence of the next period that has ended, when every worker is through it; its statements are then owed.
 * To be called after a flush and with nothing taken since. patient_from_s: since when all that was sent has been
 * read without a break: the limit counts from the later of this, the period's end and the clock's last jump ahead; -1:
 * not now. 0: a period was written, call again; DM_LEDGER_WAIT: nothing is to be done, or it is being done;
 * DM_LEDGER_ZOMBIE. */
int dm_ledger_close(dm_ledger *l, int64_t patient_from_s, dm_err *err) DM_NODISCARD;
/* What dm_ledger_close waited for has been done: it goes on. */
bool dm_ledger_goes_on(const dm_ledger *l);
/* It is being done. */
bool dm_ledger_at_work(const dm_ledger *l);

/* Sends what the outbox holds for a topic, in order, until send fails; it returns 0 when the message was delivered. How
 * many were sent, at most 256; or negative. */
typedef int (*dm_ledger_send_fn)(void *arg, const char *topic, dm_str key, dm_str value, dm_err *err);
int dm_ledger_outbox(dm_ledger *l, const char *topic, dm_ledger_send_fn send, void *arg, dm_err *err) DM_NODISCARD;

#endif
