/* metering/live/tally.h: what open periods have come to so far, in memory: by project and period, and from that, with
 * what statements say of the month, what of each budget is used. No I/O. Whoever drives it (spend.h) gives it what was
 * counted and by what it is rated, writes what has changed and says what was written.
 *
 * It is an estimate until the period is closed: it is what the frames say, unsworn and unjudged, rated whole by the
 * plan and the prices that hold now (of a period that has ended: held at its end). Of evidence that is sworn to and
 * under one plan it is to the last decimal what the statement says. One thread. */
#ifndef DM_METERING_LIVE_TALLY_H
#define DM_METERING_LIVE_TALLY_H

#include "base/map.h"
#include "base/own.h"

#include "metering/live/terms.h"
#include "metering/rules/statement.h"

typedef struct dm_spend_key {
    int64_t period_start;
    uint32_t project_no, zero;
} dm_spend_key;

typedef struct dm_use_key {
    int64_t account_no, month; /* its first second, of UTC */
    int64_t project_no;        /* 0: the account */
} dm_use_key;

/* Of a month: of an account, or of one of its projects. */
typedef struct dm_use {
    dm_use_key key;
    uint64_t stated_s, open_s; /* running seconds by statements, and in open periods */
    dm_money stated, open;
    bool based;   /* stated_s and stated are known */
    bool written; /* seconds and micros are in the database */
    uint64_t seconds, micros;
    uint32_t rows; /* open periods that count into it */
} dm_use;

typedef struct dm_spent_is {
    dm_money amount, per_second;
    uint64_t running_s;
    uint32_t running;
    int64_t through;
} dm_spent_is;

/* A project in an open period. */
typedef struct dm_spend_row {
    dm_spend_key key;
    struct dm_group_counted *groups; /* what was counted */
    int64_t account_no;              /* 0: not known yet, or nobody's */
    char tier[DM_NAME_TEXT], currency[4];
    int64_t rated_at; /* the second whose plan it is rated by; -1: none */
    int64_t asked_ms; /* when its plan was asked for last */
    bool touched;     /* to be rated anew */
    bool written;
    dm_spent_is now, was; /* was: as it is in the database, where it is written */
    dm_use *project, *account;
    uint64_t in_s; /* what of it stands in those two */
    dm_money in;
} dm_spend_row;

typedef struct dm_tally {
    uint32_t period_s;
    int64_t newest; /* second of the stream */
    dm_map groups, rows, uses;
    uint64_t unpriced; /* how often something had no price */
} dm_tally;

void dm_tally_init(dm_tally *t, uint32_t period_s);
void dm_tally_done(dm_tally *t);

/* What has changed, and the newest second that was heard of. */
int dm_tally_take(dm_tally *t, const dm_counted *v, size_t n, int64_t newest, dm_err *err) DM_NODISCARD;

/* Whether no frame of this period comes on time any more. */
bool dm_tally_is_over(const dm_tally *t, const dm_spend_row *row);
/* The second whose plan and prices it is to be rated by. */
int64_t dm_tally_rated_at(const dm_tally *t, const dm_spend_row *row);
/* By whom and what a row is rated, from now on. */
int dm_tally_terms(dm_tally *t, dm_spend_row *row, int64_t account_no, const char *tier, const char *currency,
        int64_t at, dm_err *err) DM_NODISCARD;
/* Rates what was touched. */
int dm_tally_rate(dm_tally *t, const dm_terms *terms, dm_err *err) DM_NODISCARD;
/* Whether the database should be told of it, and that it was. */
bool dm_tally_due(const dm_spend_row *row);
/* The row's period is stated: it counts no more. It is freed. */
void dm_tally_forget(dm_tally *t, dm_spend_row *row);

/* What statements say. */
void dm_tally_base(dm_tally *t, const dm_use_key *key, uint64_t seconds, dm_money amount);
/* What is used by now; whether the database should be told. */
bool dm_use_now(const dm_use *u, uint64_t *seconds, uint64_t *micros);
/* Lets go of months that are over and have no open period. */
void dm_tally_clean(dm_tally *t);

/* The first second of the month of UTC that a second lies in. */
int64_t dm_month_start(int64_t second);

#endif
