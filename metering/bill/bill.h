/* metering/bill/bill.h: statements. For each account and written period evidence is judged and rated, pages are written
 * one by one, and in one SERIALIZABLE transaction the head is signed and chained to the one before, with its lines and
 * journal entries and the outbox row. A second run finds the period no longer open and does nothing.
 *
 * What it bills stands in the database alone: it knows of no ledger in memory, nor which periods that one has just
 * written. One thread a connection; several may share the accounts among them. */
#ifndef DM_METERING_BILL_BILL_H
#define DM_METERING_BILL_BILL_H

#include "base/crypto.h"
#include "base/metrics.h"
#include "base/pg.h"

enum { DM_BILL_ZOMBIE = 1 }; /* another meter has taken over: its statements are its own; stop */

/* Everything in it is borrowed. */
typedef struct dm_bill_config {
    dm_pg *pg;              /* role dm_meter */
    const dm_sign_key *key; /* of dm.service_key */
    dm_metrics *metrics;    /* may be NULL */
    uint64_t part, parts;   /* those accounts whose number leaves part when divided by parts; parts 0: all */
    /* Whether this meter may still write; asked inside each transaction that writes, whose end it must hold good to. */
    int (*held)(void *arg, dm_pg *c, bool *held, dm_err *err);
    void *held_arg;
} dm_bill_config;

/* Makes every statement that is owed, oldest period first. An account whose evidence has no price, or which has more
 * plans and price books than fit, waits (an anomaly says so), and its later periods with it; the others go on. 0 or
 * DM_BILL_ZOMBIE. */
int dm_bill_owed(const dm_bill_config *config, dm_err *err) DM_NODISCARD;

#endif
