/* metering/bill/sql_simulate.h: the rows of simulations. Inside a transaction of role dm_meter; times are seconds of
 * UTC. */
#ifndef DM_METERING_BILL_SQL_SIMULATE_H
#define DM_METERING_BILL_SQL_SIMULATE_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/rules/money.h"

typedef struct dm_simulation {
    int64_t no, book_id, from_s, to_s; /* no 0: nothing is ordered */
    bool begun;
    dm_digest sha256;
} dm_simulation;
/* The oldest that is not over; its row stays as it is until the end of the transaction. */
int dm_sql_simulation_next(dm_pg *c, dm_simulation *out, dm_err *err) DM_NODISCARD;
/* Notes which accounts it is of. */
int dm_sql_simulation_begin(dm_pg *c, const dm_simulation *s, dm_err *err) DM_NODISCARD;
/* All its accounts are done; or why it cannot go on. */
int dm_sql_simulation_end(dm_pg *c, int64_t no, const char *why, dm_err *err) DM_NODISCARD;
/* Throws away what ended more than so many days ago and approved nothing. */
int dm_sql_simulation_forget(dm_pg *c, int64_t days, dm_err *err) DM_NODISCARD;

/* Its next account that is not done: account_no, through, pool_s, counts (JSON); *any false: there is none. */
enum dm_simulated_col { DM_SIM_ACCOUNT, DM_SIM_THROUGH, DM_SIM_POOL, DM_SIM_COUNTS };
int dm_sql_simulation_account(dm_pg *c, int64_t no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* The account's next stated periods in [from, to): when each begins, how long it is, what its statement came to without
 * what that corrects, and what it put into the month's pool by correcting earlier periods of the month. */
enum dm_charged_col { DM_CHARGED_START, DM_CHARGED_PERIOD_S, DM_CHARGED_AMOUNT, DM_CHARGED_POOL };
int dm_sql_simulation_charged(dm_pg *c, dm_account_no account_no, int64_t month, int64_t from, int64_t to,
        int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* What the periods from `through` up to `now` came to; *kept false: it was cancelled, or somebody else went on. failed
 * NULL: it could be rated. */
typedef struct dm_simulated {
    dm_account_no account_no;
    int64_t through, now, periods, pool_s;
    dm_money charged, tried;
    dm_str counts;
    bool done;
    const char *failed;
} dm_simulated;
int dm_sql_simulation_keep(dm_pg *c, int64_t no, const dm_simulated *s, bool *kept, dm_err *err) DM_NODISCARD;

#endif
