/* metering/invoice/sql_month.h: what of a month is still to be invoiced. Inside a transaction of role dm_meter. */
#ifndef DM_METERING_INVOICE_SQL_MONTH_H
#define DM_METERING_INVOICE_SQL_MONTH_H

#include "base/pg.h"
#include "base/wire/number.h"

/* Months that ended at before_s or earlier, are written to their end, and not done: first second, last second + 1. */
int dm_sql_months(dm_pg *c, int64_t before_s, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Accounts that have statements in [from, to), all of them, or a contract that says what the month costs at least, and
 * no word on it: account_no. */
int dm_sql_month_accounts(dm_pg *c, int64_t from_s, int64_t to_s, dm_account_no after, int64_t limit, dm_pg_rows **out,
        dm_err *err) DM_NODISCARD;
/* Whether there is a word; and since when statements are carried into it, from_s where none are. */
int dm_sql_month_begin(
        dm_pg *c, dm_account_no account_no, int64_t from_s, bool *done, int64_t *carried_s, dm_err *err) DM_NODISCARD;
/* The word; what was carried into it is then as it is, if it was invoiced. */
int dm_sql_month_end(dm_pg *c, dm_account_no account_no, int64_t from_s, const char *outcome, int64_t invoice_no,
        const char *why, int64_t now_s, dm_err *err) DM_NODISCARD;
/* The month is done where nobody has anything of it left. */
int dm_sql_month_close(dm_pg *c, int64_t from_s, int64_t to_s, int64_t now_s, dm_err *err) DM_NODISCARD;

#endif
