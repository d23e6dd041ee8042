/* metering/read/plan.h: an account's plan, and what the month has come to by now: statements, and open periods as the
 * live view tells of them (metering/live). Runs where metering/read/read.h runs. Times are microseconds of UTC. */
#ifndef DM_METERING_READ_PLAN_H
#define DM_METERING_READ_PLAN_H

#include "base/pg.h"
#include "base/wire/number.h"

/* Strings are borrowed from the rows. Money has 18 decimals. */
typedef struct dm_read_plan {
    dm_str tier, rated_by; /* rated_by.p NULL: no price book holds */
    int64_t included_s, used_s;
    bool pooled; /* by minutes: the two before count */
    dm_str currency, billing_cycle;
    int64_t resets_us;                    /* the month's end */
    dm_str books;                         /* JSON: [{"id": 1, "group": "other"}, ...] */
    dm_str amount, per_second, projected; /* projected.p NULL: it is told of then */
    int64_t running, as_of_us;            /* as_of_us 0: nothing was ever counted */
    dm_str next_tier;                     /* .p NULL: no change is noted */
    int64_t next_us;
} dm_read_plan;

/* As it was at that moment, by the statements of periods that had ended; 0: as it is. *rows is the caller's to free. */
int dm_read_plan_of(dm_pg *c, dm_account_no account_no, int64_t at_us, dm_pg_rows **rows, dm_read_plan *out,
        dm_err *err) DM_NODISCARD;

#endif
