/* metering/rules/money.h: exact money. An amount is an integer of 10^-18 of a currency unit, a price one of 10^-12 of a
 * unit a base unit, a quantity one of 10^-6 of a base unit: a product needs no rounding, 12 + 6 = 18. Their ranges are
 * those of the columns they are kept in: NUMERIC(38,18), NUMERIC(18,12), NUMERIC(20,6). Whatever would leave its range
 * is DM_E_LIMIT: nothing wraps, saturates or rounds. There is no floating point here and none may be added.
 *
 * Each is its own type, so that a price is never passed for an amount. */
#ifndef DM_METERING_RULES_MONEY_H
#define DM_METERING_RULES_MONEY_H

#include "base/str.h"

__extension__ typedef __int128 dm_i128;

typedef struct dm_money {
    dm_i128 v; /* 10^-18 */
} dm_money;

typedef struct dm_price {
    int64_t v; /* 10^-12 */
} dm_price;

typedef struct dm_qty {
    dm_i128 v; /* 10^-6 */
} dm_qty;

enum { DM_MONEY_TEXT = 48 }; /* room for any of them, printed */

/* What PostgreSQL prints: an optional '-', digits, and after a '.' at most as many digits as the type has. Anything
 * else is DM_E_INVALID, what is out of range DM_E_LIMIT. A price is not negative. */
int dm_money_parse(dm_str s, dm_money *out, dm_err *err) DM_NODISCARD;
int dm_price_parse(dm_str s, dm_price *out, dm_err *err) DM_NODISCARD;
int dm_qty_parse(dm_str s, dm_qty *out, dm_err *err) DM_NODISCARD;

/* With all 18, 12 or 6 decimals: equal values have equal text. */
void dm_money_print(dm_money m, char out[DM_MONEY_TEXT]);
void dm_price_print(dm_price p, char out[DM_MONEY_TEXT]);
void dm_qty_print(dm_qty q, char out[DM_MONEY_TEXT]);

/* out may be one of the inputs. */
int dm_money_add(dm_money a, dm_money b, dm_money *out, dm_err *err) DM_NODISCARD;
int dm_money_negate(dm_money a, dm_money *out, dm_err *err) DM_NODISCARD;
int dm_money_cmp(dm_money a, dm_money b); /* as memcmp does */
int dm_money_of(dm_qty q, dm_price p, dm_money *out, dm_err *err) DM_NODISCARD;

/* a + b; a - b */
int dm_qty_add(dm_qty a, dm_qty b, dm_qty *out, dm_err *err) DM_NODISCARD;
int dm_qty_less(dm_qty a, dm_qty b, dm_qty *out, dm_err *err) DM_NODISCARD;
/* n units of micro millionths each. */
int dm_qty_of(uint64_t n, uint64_t micro, dm_qty *out, dm_err *err) DM_NODISCARD;

#endif
