/* metering/wallet/sql_settle.h: the statements of the chores: what is owed, orders, settlements. Lists are pages of
 * DM_WALLET_PAGE rows at most, by their first column; what writes runs in a transaction that has the account's turn. */
#ifndef DM_METERING_WALLET_SQL_SETTLE_H
#define DM_METERING_WALLET_SQL_SETTLE_H

#include "base/pg.h"
#include "base/wire/number.h"

/* Accounts with statements that can be settled, as far as one can see: account, currency. */
int dm_sql_settle_owed(
        dm_pg *c, int64_t after, int64_t now_s, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* The next one of an account: number, what of it is not settled (negative: it gives back), how often it was burnt for;
 * no row: none is left. */
int dm_sql_settle_next(dm_pg *c, dm_account_no account_no, int64_t now_s, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_settle_through(dm_pg *c, dm_account_no account_no, int64_t number, dm_err *err) DM_NODISCARD;
/* The burn to go back to first for the correction that a statement is: one of a period that it corrects, the newest;
 * else the newest of all. Burn, what of it was not given back yet. */
int dm_sql_settle_undo(dm_pg *c, dm_account_no account_no, int64_t number, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* Orders that can be booked: order, account. */
int dm_sql_orders(dm_pg *c, int64_t after, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* One, locked, if it still can: id, kind, currency, amount, expiry, reference, by whom, why, approved by, whether the
 * account is still billed in the currency. */
int dm_sql_credit_take(
        dm_pg *c, dm_account_no account_no, int64_t order_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* refused NULL: it became grant_no. */
int dm_sql_order_booked(dm_pg *c, dm_account_no account_no, int64_t order_no, int64_t grant_no, const char *refused,
        dm_err *err) DM_NODISCARD;

/* Holds that wait no longer: hold, account. Grants that are over: grant, account. */
int dm_sql_holds_over(
        dm_pg *c, int64_t after, int64_t now_s, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_grants_over(
        dm_pg *c, int64_t after, int64_t now_s, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* Accounts that pay by the hour: account. */
int dm_sql_hourly(dm_pg *c, int64_t after, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
