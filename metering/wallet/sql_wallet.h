/* metering/wallet/sql_wallet.h: the statements of grants, burns and holds, for this room. Each runs inside a
 * transaction of role dm_meter that has the account's turn. */
#ifndef DM_METERING_WALLET_SQL_WALLET_H
#define DM_METERING_WALLET_SQL_WALLET_H

#include "metering/wallet/wallet.h"

/* 0 where the key has made none. */
int dm_sql_wallet_granted(dm_pg *c, const char *idem_key, int64_t *grant_no, dm_err *err) DM_NODISCARD;
int dm_sql_wallet_grant_add(dm_pg *c, const dm_wallet_grant *g, int64_t *grant_no, dm_err *err) DM_NODISCARD;
/* Sets the account's hold, or lifts it, by what it has left. */
int dm_sql_wallet_judge(dm_pg *c, dm_account_no account_no, dm_err *err) DM_NODISCARD;

/* In burn order, those that amount needs: grant, priority, expiry, paid, free. of as in dm_wallet_burn_what, not 0. */
int dm_sql_wallet_grants(dm_pg *c, dm_account_no account_no, const char *currency, unsigned of, int64_t at_s,
        dm_money amount, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

typedef struct dm_wallet_burn_row {
    dm_account_no account_no;
    const char *kind, *currency, *against, *idem_key, *reference;
    dm_money asked;
    dm_burn_sum sum;
    dm_statement_no statement;
    int64_t undoes, at_s; /* undoes 0: none */
} dm_wallet_burn_row;
int dm_sql_wallet_burn_add(dm_pg *c, const dm_wallet_burn_row *b, int64_t *burn_no, dm_err *err) DM_NODISCARD;
int dm_sql_wallet_burn_part(dm_pg *c, dm_account_no account_no, int64_t burn_no, int64_t n, int64_t grant_no,
        dm_money amount, dm_err *err) DM_NODISCARD;
/* By key: burn, promo, paid. */
int dm_sql_wallet_burnt(dm_pg *c, const char *idem_key, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Of a burn: currency, against. */
int dm_sql_wallet_burn_of(
        dm_pg *c, dm_account_no account_no, int64_t burn_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Its parts in their order, less what was given back of each: n, grant, expiry, paid, amount. */
int dm_sql_wallet_parts(
        dm_pg *c, dm_account_no account_no, int64_t burn_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

int dm_sql_wallet_hold_add(dm_pg *c, const dm_wallet_hold_what *w, int64_t *hold_no, dm_err *err) DM_NODISCARD;
int dm_sql_wallet_hold_part(dm_pg *c, dm_account_no account_no, int64_t hold_no, int64_t n, int64_t grant_no,
        dm_money amount, dm_err *err) DM_NODISCARD;
/* By key: hold. */
int dm_sql_wallet_held(dm_pg *c, const char *idem_key, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Of a hold: state, currency, key. */
int dm_sql_wallet_hold_of(
        dm_pg *c, dm_account_no account_no, int64_t hold_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* What it keeps, in its order: n, grant, expiry, paid, amount. */
int dm_sql_wallet_hold_parts(
        dm_pg *c, dm_account_no account_no, int64_t hold_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* burn_no 0: it is voided. */
int dm_sql_wallet_hold_end(
        dm_pg *c, dm_account_no account_no, int64_t hold_no, int64_t burn_no, int64_t at_s, dm_err *err) DM_NODISCARD;

/* Of a grant that is over: currency, what is left and not held, how often something of it went before; no row where
 * nothing is. */
int dm_sql_wallet_over(
        dm_pg *c, dm_account_no account_no, int64_t grant_no, int64_t at_s, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
