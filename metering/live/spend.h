/* metering/live/spend.h: the live view's round: what was counted (tally.h) becomes rows of dm.spend_open, and with what
 * the month's statements say, of dm.budget_use, whose triggers hold what is used up. What is stated meanwhile is let go
 * of. A round is a few statements, each of many rows; it writes what has changed and nothing else. One thread. */
#ifndef DM_METERING_LIVE_SPEND_H
#define DM_METERING_LIVE_SPEND_H

#include "base/pg.h"

#include "metering/kit/counted.h"

enum { DM_SPEND_ZOMBIE = 1 }; /* another meter has taken over: nothing was written; stop */

typedef struct dm_spend_config {
    uint32_t period_s;
    unsigned rest; /* budgets, whose judging takes the most, are written after so many times as long as it took last */
    /* Whether this meter may still write; asked inside each transaction that writes. */
    int (*held)(void *arg, dm_pg *c, bool *held, dm_err *err);
    void *held_arg;
} dm_spend_config;

typedef struct dm_spend dm_spend;

int dm_spend_new(const dm_spend_config *config, dm_spend **out, dm_err *err) DM_NODISCARD;
void dm_spend_free(dm_spend *s);
DM_DEFINE_FREEP(dm_spend)

/* What was counted, and the newest second that the stream has told of. */
int dm_spend_take(dm_spend *s, const dm_counted *v, size_t n, int64_t newest, dm_err *err) DM_NODISCARD;

/* 0 or DM_SPEND_ZOMBIE. now_ms is monotonic: prices and plans are asked for anew every some seconds. After a failure
 * the next round writes everything again. */
int dm_spend_round(dm_spend *s, dm_pg *pg, int64_t now_ms, dm_err *err) DM_NODISCARD;

#endif
