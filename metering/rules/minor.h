/* metering/rules/minor.h: the smallest amount that is paid in a currency (ISO 4217): money is exact until an invoice is
 * made of it, and there it is rounded to this once. Pure. */
#ifndef DM_METERING_RULES_MINOR_H
#define DM_METERING_RULES_MINOR_H

#include "metering/rules/money.h"

enum { DM_MINOR_MAX = 4 }; /* decimals, at most */

/* How many decimals a currency is paid in. DM_E_INVALID for what is no currency that is paid with: not three capital
 * letters, or metal, a unit of account, a test. */
int dm_minor_of(const char *currency, unsigned *decimals, dm_err *err) DM_NODISCARD;

/* A unit of so many decimals, as an amount. */
dm_money dm_minor_unit(unsigned decimals);
/* To whole units: the nearest, and of two the one farther from zero. */
int dm_minor_round(dm_money m, unsigned decimals, dm_money *out, dm_err *err) DM_NODISCARD;
bool dm_minor_whole(dm_money m, unsigned decimals);

/* With so many decimals, and no point where there are none. What is not whole is DM_E_INVALID: nothing is cut. */
int dm_minor_print(dm_money m, unsigned decimals, char out[DM_MONEY_TEXT], dm_err *err) DM_NODISCARD;

#endif
