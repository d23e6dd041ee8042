/* metering/live/sql_live.h: the live view's statements. Inside a transaction of role dm_meter; times are seconds of
 * UTC. */
#ifndef DM_METERING_LIVE_SQL_LIVE_H
#define DM_METERING_LIVE_SQL_LIVE_H

#include "base/pg.h"

#include "metering/kit/many.h"

/* The price books that hold at some moment of [from, to): one row a price, a book's side by side. */
enum dm_priced_col {
    DM_PRICED_BOOK,
    DM_PRICED_GROUP,
    DM_PRICED_TIER,
    DM_PRICED_CURRENCY,
    DM_PRICED_RATED_BY,
    DM_PRICED_FROM,
    DM_PRICED_TO, /* or null */
    DM_PRICED_SKU,
    DM_PRICED_PER_UNIT
};
int dm_sql_live_books(dm_pg *c, int64_t from, int64_t to, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* region_no, price_group */
int dm_sql_live_regions(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* spec_table, spec, vcpus, mem_mib */
int dm_sql_live_specs(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* asked: an array of {n, project_no, at}. n, account_no, currency, the tier of its plan at that second; of a project
 * that does not exist there is no row. */
int dm_sql_live_terms(dm_pg *c, dm_str asked, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* Rows of dm.spend_open: {account_no, project_no, period_start, amount, running_s, per_second, running, through}. */
void dm_sql_live_spent(dm_many *m, dm_pg *c);
int dm_sql_live_clock(dm_pg *c, int64_t through, dm_err *err) DM_NODISCARD;
/* account_no, period_start: what was let go of, at most max rows */
int dm_sql_live_forget(dm_pg *c, int64_t max, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* asked: an array of {account_no, month}. account_no, month, project_no (0: the account), seconds, amount: what their
 * statements of that month come to. Of an account, one of a period that dm.spend_open still has is left out. */
int dm_sql_live_stated(dm_pg *c, dm_str asked, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Rows of dm.budget_use: {account_no, project_no, month, seconds, spent_micros}. */
void dm_sql_live_budgets(dm_many *m, dm_pg *c);

#endif
