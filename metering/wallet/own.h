/* metering/wallet/own.h: between the files of this room: parts of a burn or a hold, and how they are booked. */
#ifndef DM_METERING_WALLET_OWN_H
#define DM_METERING_WALLET_OWN_H

#include "metering/wallet/wallet.h"

/* What was planned or is recorded; the caller frees both. */
typedef struct dm_wallet_parts {
    dm_burn_part *parts;
    int64_t *numbers; /* the place of each in the recorded order; NULL: as they stand, from 1 */
    size_t n;
    dm_burn_sum sum;
} dm_wallet_parts;
void dm_wallet_parts_done(dm_wallet_parts *p);
#define DM_AUTO_WALLET_PARTS __attribute__((cleanup(dm_wallet_parts_done), unused)) dm_wallet_parts

/* What of an account's grants gives `amount`, in burn order. */
int dm_wallet_plan(dm_pg *c, dm_account_no account_no, const char *currency, unsigned of, int64_t at_s, dm_money amount,
        dm_wallet_parts *out, dm_err *err) DM_NODISCARD;
/* Rows of n, grant, expiry, paid, amount; those of 0 are left out. */
int dm_wallet_recorded(const dm_pg_rows *rows, dm_wallet_parts *out, dm_err *err) DM_NODISCARD;
/* Whether the key has burnt already, and what: burn_no 0 where it has not. */
int dm_wallet_before(dm_pg *c, const char *key, dm_wallet_burnt *out, dm_err *err) DM_NODISCARD;
int dm_wallet_total(const dm_burn_sum *sum, dm_money *out, dm_err *err) DM_NODISCARD;

/* What is booked. */
typedef struct dm_wallet_booking {
    dm_account_no account_no;
    const char *currency, *kind; /* of the journal's transaction */
    const char *key;             /* of the act; the bookings' keys are made of it */
    int64_t at_s;
} dm_wallet_booking;

/* From one ledger account to another: `from` +amount, `to` -amount, as double entry has them here: what an account
 * owes us, and what we spend, is positive. Those of the business begin with '='. Nothing where the amount is 0. */
typedef struct dm_wallet_move {
    const char *from, *to;
    dm_money amount; /* may be negative */
} dm_wallet_move;
int dm_wallet_book(
        dm_pg *c, const dm_wallet_booking *b, const dm_wallet_move *moves, size_t n, dm_err *err) DM_NODISCARD;

/* What of promo is to expire grows by the parts (back: it shrinks by them), from each one's expiry on, or from now on
 * where that is past. */
int dm_wallet_expiries(
        dm_pg *c, const dm_wallet_booking *b, const dm_wallet_parts *p, bool back, dm_err *err) DM_NODISCARD;

#endif
