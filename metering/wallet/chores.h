/* metering/wallet/chores.h: what the meter does of itself with wallets, a chore each (kit/chore.h). Each step is a
 * transaction that asks whether this meter still may, and finds by the database what is left to do. */
#ifndef DM_METERING_WALLET_CHORES_H
#define DM_METERING_WALLET_CHORES_H

#include "metering/kit/chore.h"

/* Orders of people that wait for nobody any more become grants, or are refused with a reason. */
int dm_wallet_chore_orders(const dm_chore_config *c, dm_err *err) DM_NODISCARD;
/* Accounts that pay by the hour: each statement is paid of the wallet, in the order of their numbers, as far as that
 * reaches; what is missing is paid by the next grant. What one gives back (its total is negative) goes back to the
 * grants it was taken of. A statement of a month that has been over for a day is its invoice's. */
int dm_wallet_chore_settle(const dm_chore_config *c, dm_err *err) DM_NODISCARD;
/* Holds and grants whose time is over. */
int dm_wallet_chore_over(const dm_chore_config *c, dm_err *err) DM_NODISCARD;
/* What ended by our fault is given back. */
int dm_wallet_chore_faults(const dm_chore_config *c, dm_err *err) DM_NODISCARD;
/* Accounts that pay by the hour and have nothing left are held, the others let go. */
int dm_wallet_chore_judge(const dm_chore_config *c, dm_err *err) DM_NODISCARD;

#endif
