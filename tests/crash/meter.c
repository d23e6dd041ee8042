/* A meter: what metering/main.c does in its threads, one after the other, and a turn at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/wire/id.h"

#include "metering/bill/bill.h"
#include "metering/check/check.h"
#include "metering/invoice/invoice.h"
#include "metering/kit/sql_kit.h"
#include "metering/ledger/ledger.h"
#include "metering/ledger/stream.h"
#include "metering/wallet/chores.h"
#include "tests/crash/stage.h"

enum { TAKE_MAX = 64, ROUNDS_MAX = 200, PATIENT_S = 3600, CLOSES_MAX = 8, SEND_MS = 500, CHORES_EVERY = 4 };

typedef struct meter {
    stage *s;
    unsigned no;
    dm_clock_fake clock;
    dm_pg *pg;
    dm_sign_key *key;
    dm_ledger *ledger;
    dm_stream *stream;
    dm_uuid owner;
    int64_t flushed_s;
    uint64_t flushes;
} meter;

/* As the program does: what went wrong is said, and it ends. */
static void ended(const meter *m, const char *what, const dm_err *err)
{
    m->s->said = NULL;
    bool zombie = err->code == DM_E_CONFLICT;
    if (!zombie && !m->s->d[WORKERS + m->no].stale)
        (void)fprintf(stderr, "meter: %s: %s\n", what, err->msg);
    _exit(zombie ? EXIT_ZOMBIE : EXIT_FAILED);
}

static void must(const meter *m, int r, const char *what, dm_err *err)
{
    if (r > 0)
        r = dm_fail(err, DM_E_CONFLICT, "another meter has taken over");
    if (r < 0)
        ended(m, what, err);
}

static void start(meter *m)
{
    dm_err err = {0};
    char path[100];
    uint8_t random[16];
    (void)snprintf(path, sizeof(path), "%.60s/service.key", m->s->dir);
    must(m, dm_sign_key_open(path, &m->key, &err), "key", &err);
    must(m, dm_random(random, sizeof(random), &err), "random", &err);
    m->owner = dm_uuid_of_random(random);
    must(m, dm_pg_open(m->s->conninfo, &m->pg, &err), "database", &err);
    const dm_ledger_config lc = {.pg = m->pg,
            .db = m->s->p.aside ? m->s->conninfo : NULL,
            .clock = &m->clock.base,
            .key = m->key,
            .frame_secret = frame_secret,
            .owner = m->owner.s,
            .period_s = PERIOD_S,
            .wait_s = m->s->p.late ? LATE_WAIT_S : PATIENT_S,
            .rows_max = 10000,
            .worker_rows_max = 10000};
    must(m, dm_ledger_open(&lc, &m->ledger, &err), "ledger", &err);
    const dm_stream_config sc = {.brokers = "", .ledger = m->ledger, .clock = &m->clock.base};
    must(m, dm_stream_new(&sc, &m->stream, &err), "stream", &err);
}

static void take(meter *m)
{
    dm_err err = {0};
    int r = 1;
    for (int i = 0; i < ROUNDS_MAX && r > 0; i++) {
        r = dm_stream_take(m->stream, 0, TAKE_MAX, &err);
        if (r < 0)
            ended(m, "take", &err);
        if (dm_ledger_full(m->ledger))
            must(m, dm_ledger_flush(m->ledger, &err), "flush", &err);
    }
}

static void state(meter *m)
{
    dm_err err = {0};
    const dm_bill_config b = {.pg = m->pg, .key = m->key, .held = dm_ledger_held, .held_arg = m->ledger};
    must(m, dm_bill_owed(&b, &err), "bill", &err);
}

/* The evening's time stands still meanwhile: what is stated when does not depend on how busy the machine is. */
static bool done_aside(meter *m)
{
    const struct timespec step = {.tv_nsec = 1000000};
    while (dm_ledger_at_work(m->ledger))
        (void)nanosleep(&step, NULL);
    return dm_ledger_goes_on(m->ledger);
}

static void close_what_can_be(meter *m)
{
    dm_err err = {0};
    int64_t patient_from = dm_stream_look(m->stream);
    if (m->s->drained)
        patient_from = -1;
    int r = 0;
    for (int i = 0; r == 0 && i < CLOSES_MAX;) {
        r = dm_ledger_close(m->ledger, patient_from, &err);
        if (r == DM_LEDGER_WAIT && done_aside(m)) {
            r = 0;
            continue;
        }
        if (r != DM_LEDGER_WAIT)
            must(m, r, "close", &err);
        i++;
    }
}

static int write_beat(dm_pg *c, void *arg, dm_err *err)
{
    return dm_sql_beat(c, arg, err);
}

static void chores(meter *m)
{
    static const dm_chore_fn all[] = {dm_check, dm_wallet_chore_orders, dm_wallet_chore_faults, dm_wallet_chore_over,
            dm_wallet_chore_settle, dm_wallet_chore_judge, dm_invoice_months, dm_invoice_orders, dm_invoice_bank,
            dm_invoice_overdue};
    const dm_chore_config c = {.pg = m->pg,
            .key = m->key,
            .clock = &m->clock.base,
            .period_s = PERIOD_S,
            .invoice_delay_s = DELAY_S,
            .held = dm_ledger_held,
            .held_arg = m->ledger};
    dm_err err = {0};
    for (size_t i = 0; i < DM_LEN(all); i++)
        must(m, all[i](&c, &err), "chore", &err);
    dm_beat beat = {.owner = m->owner.s, .version = "0", .started_us = 1};
    must(m, dm_pg_tx_on(m->pg, &(dm_pg_scope){0}, write_beat, &beat, &err), "beat", &err);
}

static void turn(meter *m)
{
    dm_err err = {0};
    take(m);
    if (!m->s->hurried && m->s->now_us / 1000000 < m->flushed_s + (int64_t)m->s->p.flush_every)
        return;
    m->flushed_s = m->s->now_us / 1000000;
    must(m, dm_ledger_flush(m->ledger, &err), "flush", &err);
    if (!m->s->hurried) /* the workers are gone by then: nobody is waited for, and nobody written off */
        close_what_can_be(m);
    state(m);
    if (m->s->hurried || ++m->flushes % CHORES_EVERY == 0)
        chores(m);
    int r = dm_stream_send(m->stream, SEND_MS, &err);
    if (r < 0)
        ended(m, "send", &err);
}

void meter_run(stage *s, unsigned no, int fd)
{
    meter m = {.s = s, .no = no, .flushed_s = INT64_MIN / 2};
    char what;
    dm_clock_fake_init(&m.clock, 0);
    clock_of(s, WORKERS + no, &m.clock);
    start(&m);
    while (asked(fd, &what) && what == ASK_TURN) {
        clock_of(s, WORKERS + no, &m.clock);
        turn(&m);
        answer(fd, what);
    }
    answer(fd, what);
    _exit(0);
}
