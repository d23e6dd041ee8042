/* metering/kit/chore.h: a piece of the meter's regular work beside evidence and statements: it looks in the database
 * for what is owed, and does it. It may die at any moment and be run again, by another meter too, so what it does it
 * does once by what stands in the database: an idempotency key, a state that it locks. */
#ifndef DM_METERING_KIT_CHORE_H
#define DM_METERING_KIT_CHORE_H

#include "base/clock.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/pg.h"

enum { DM_CHORE_ZOMBIE = 1 }; /* another meter has taken over: nothing was written; stop */

/* Everything in it is borrowed. */
typedef struct dm_chore_config {
    dm_pg *pg;              /* role dm_meter */
    const dm_sign_key *key; /* of dm.service_key */
    const dm_clock *clock;
    dm_log *log; /* may be NULL, as the next */
    dm_metrics *metrics;
    uint32_t period_s;
    uint32_t invoice_delay_s; /* how long after a month's end it is invoiced */
    uint32_t past_days;       /* so many days of past metrics are kept, and today's; 0: none */
    /* Whether this meter may still write; asked inside each transaction that writes, whose end it must hold good to. */
    int (*held)(void *arg, dm_pg *c, bool *held, dm_err *err);
    void *held_arg;
} dm_chore_config;

/* What a transaction that writes begins with: 0; DM_CHORE_ZOMBIE where this meter may not, and then it writes nothing.
 */
int dm_chore_may(const dm_chore_config *c, dm_pg *pg, dm_err *err) DM_NODISCARD;

/* Does all that is owed now, in steps of a transaction each. 0 or DM_CHORE_ZOMBIE. */
typedef int (*dm_chore_fn)(const dm_chore_config *c, dm_err *err);

typedef struct dm_chore {
    const char *name; /* in logs and metrics; NULL ends a list */
    unsigned every_ms;
    dm_chore_fn fn;
} dm_chore;

#endif
