/* tenants/plan/budget.h: how long may still run what has a budget: a month's seconds, or what they may cost, of an
 * account or a project; or what an account that pays by the hour has left in its wallet. It is handed out in leases
 * (base/wire/lease.h), to workers, and in the first seconds of each start and wake; whoever hands out is alone in the
 * account until his transaction ends. Months are UTC's.
 *
 *   bound >= used + open, at any time where workers can ask
 *
 * used: what this month's statements say; for each project and period that has none yet, the larger of what the meter
 * has and what workers told (budget_ran). Both count the same running seconds, each once (the meter from frames, a
 * worker from the frames it made), and neither counts one that was not run: so the larger one is never too much, and
 * adding what comes in one to what came in the other is impossible, for they are never added. It may be too little by
 * what neither has yet: that lies in open leases alone, as long as every worker counts a lease down before it is told
 * (it does: lease.h of the worker). What the meter leaves out of a bill in the end (a gap, a damaged frame) is given
 * back when its period has its statement.
 *
 * Money is reckoned in seconds: what is left is divided by the price of the dearest second that runs in the project,
 * its whole disk included, and rounded down. Seconds the meter has not priced yet count at that price; so a lease is
 * never worth more than the budget, and the difference comes back within the meter's lag.
 *
 * Overspent is then at most: what workers run on without an answer, to the printed cap (lease_cap_s) and, since nobody
 * sleeps for that, past it with an alarm; what a sandbox takes to fall asleep in its last second; a woken guest that
 * does not answer (5 s); the storage of what sleeps. While a bound is set or lowered: one second of what runs, for
 * workers hear of it with their next beat. */
#ifndef DM_TENANTS_PLAN_BUDGET_H
#define DM_TENANTS_PLAN_BUDGET_H

#include "base/pg.h"
#include "base/wire/cause.h"
#include "base/wire/lease.h"
#include "base/wire/number.h"

enum { DM_BUDGET_SHORT = 1 };

/* What a running second's price goes by. */
typedef struct dm_budget_size {
    int64_t region_no, spec_table, spec, disk_mib;
} dm_budget_size;

typedef struct dm_budget_short {
    dm_cause cause; /* allowance_exhausted or spend_cap */
    int64_t left_s;
} dm_budget_short;

/* DM_LEASE_FIRST_S for a start or wake of that size, in the owner's scope or as dm_ops, in the transaction that writes
 * that it begins. DM_BUDGET_SHORT: nothing was taken. */
int dm_budget_take(
        dm_pg *c, dm_owner owner, const dm_budget_size *size, dm_budget_short *out, dm_err *err) DM_NODISCARD;
/* It did not begin, and is known not to. What is not given back is when nothing was begun for 70 s. */
int dm_budget_give_back(dm_pg *c, dm_owner owner, dm_err *err) DM_NODISCARD;

/* --- workers (role dm_ops) ---------------------------------------------------------------------------------- */

typedef struct dm_budget_granted {
    int64_t project_no;
    dm_str state; /* a name of base/wire/lease.h */
    int64_t left_s;
    dm_str cause; /* .p NULL: none */
    dm_owner owner;
    bool last; /* there is nothing behind it, and was before */
    bool soon; /* what is left of the budget lasts for a minute at most, as it goes now */
} dm_budget_granted;

/* Answers what a worker asks: as DM_PG_ROWS of dm_budget_granted_read. cap_s: for how long something is kept for a
 * worker that is not heard of. Asks that are too late are left out. */
int dm_budget_grant(dm_pg *c, dm_worker_no worker, const dm_lease_asks *asks, int64_t cap_s, dm_pg_rows **rows,
        dm_err *err) DM_NODISCARD;
void dm_budget_granted_read(const dm_pg_rows *rows, size_t row, dm_budget_granted *out);

#endif
