/* metering/read/usage.h: how sandboxes spent their seconds, and what that came to, as far as periods have closed: of
 * what is still open nothing is said. Runs where metering/read/read.h runs. Times are seconds of UTC. */
#ifndef DM_METERING_READ_USAGE_H
#define DM_METERING_READ_USAGE_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "metering/rules/money.h"

enum { DM_USAGE_SECONDS_MAX = 7 * 86400 }; /* of one question */

/* A byte a second. A gap is a second without evidence, and so without charge. */
typedef enum dm_spent { DM_SPENT_OFF, DM_SPENT_RUN, DM_SPENT_HIB, DM_SPENT_GAP } dm_spent;

typedef struct dm_usage {
    int64_t from, closed_through; /* closed_through is from where nothing of it is closed yet, and to at most */
    uint8_t *seconds;             /* dm_spent, those from `from` to closed_through */
    int32_t *disk_16mib;          /* a minute each, from from / 60 on; -1: nobody measured it */
    size_t minutes;
} dm_usage;
void dm_usage_done(dm_usage *u);

/* The last second that is told of is before this one: every account's statement up to it is made. 0: none is. */
int dm_read_closed_through(dm_pg *c, int64_t *out, dm_err *err) DM_NODISCARD;

/* Of each of n sandboxes (at most 100) into out, which the caller zeroes first and lets go of afterwards whatever this
 * returned. to - from is DM_USAGE_SECONDS_MAX at most, from a whole minute. A second in which it ran is RUN, in
 * whichever of its lives. */
int dm_read_usage(dm_pg *c, dm_owner owner, const dm_sandbox_id *ids, size_t n, int64_t from, int64_t to, dm_usage *out,
        dm_err *err) DM_NODISCARD;

typedef struct dm_read_month {
    uint64_t run_s, hib_s;
    bool charged;               /* a line of a statement names it: amount and currency are its sum */
    char amount[DM_MONEY_TEXT]; /* 18 decimals */
    char currency[4];
} dm_read_month;

/* Of each of n sandboxes (at most 100), the periods that begin at from or later. Pooled minutes are charged to no
 * sandbox: then nothing is. */
int dm_read_months(dm_pg *c, dm_owner owner, const dm_sandbox_id *ids, size_t n, int64_t from, dm_read_month *out,
        dm_err *err) DM_NODISCARD;

typedef struct dm_read_attested {
    int64_t period_start;
    int64_t epoch;
    char hash[65];
} dm_read_attested;

/* What was sworn to of a sandbox in the periods that begin from `from` to `to`, at most max, the newest first. */
int dm_read_attested_of(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, int64_t from, int64_t to, size_t max,
        dm_read_attested *out, size_t *n, dm_err *err) DM_NODISCARD;

#endif
