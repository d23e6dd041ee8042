/* metering/read/cost.h: what a project has come to lately: as far as periods have closed, and what it is coming to
 * since. Runs where metering/read/read.h runs. */
#ifndef DM_METERING_READ_COST_H
#define DM_METERING_READ_COST_H

#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/rules/money.h"

enum { DM_COST_LINES_MAX = 200000 }; /* of an account and month: of more nothing is told */

typedef struct dm_read_cost {
    int64_t closed_through;   /* the second that this is told up to; 0: no period has closed */
    bool has_hour, has_month; /* a line of a statement names the project; else nothing is known, which is not nothing */
    char hour[DM_MONEY_TEXT], month[DM_MONEY_TEXT]; /* of the hour, and of the month of UTC, before closed_through */
    char currency[4];
} dm_read_cost;

int dm_read_cost_of(dm_pg *c, dm_owner owner, dm_read_cost *out, dm_err *err) DM_NODISCARD;

/* What no statement says yet, as the seconds come: by the list price and provisional. */
typedef struct dm_read_spend {
    dm_project_no project;
    char amount[DM_MONEY_TEXT];     /* of all but pooled minutes, */
    int64_t running_s;              /* of which these are */
    char per_second[DM_MONEY_TEXT]; /* what its last second came to */
    int64_t running;                /* how many ran in that */
    char currency[4];
    int64_t through_us; /* seconds before it are in */
} dm_read_spend;

/* Of these projects, by their number; of which nothing is open there is no row. out: room for n. */
int dm_read_spends_of(
        dm_pg *c, const dm_project_no *projects, size_t n, dm_read_spend *out, size_t *found, dm_err *err) DM_NODISCARD;

#endif
