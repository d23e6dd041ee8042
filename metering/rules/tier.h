/* metering/rules/tier.h: prices that depend on how much of a thing an account used in a month, discounts, and what it
 * promised to spend at least. Pure, as rate.h is.
 *
 * A SKU of a book may be sold in tiers. What counts is how much of it the book has charged the account for in the
 * calendar month of UTC, over all its sandboxes, in the order of time:
 *
 *   graduated   each unit costs what the tier costs that it falls into
 *   volume      all units of the month cost what the tier costs that their sum has reached: where the next one is
 *               reached, what was charged before is taken back at the price it had, and charged anew
 *
 * A tier begins with the unit that reaches its `from`: from 1000 on means that a sum of 1000 is in it. Rating a month
 * in pieces, however it is cut, gives the same sum as in one, and no line needs a price that is not in the book. Of
 * pooled minutes only those count that are paid for.
 *
 * The count is a book's own: another book begins at nothing. So a book with tiers begins with a month (the database
 * sees to it), and what holds in a second is decided by that second and the month before it, as everything is. */
#ifndef DM_METERING_RULES_TIER_H
#define DM_METERING_RULES_TIER_H

#include "metering/rules/rate.h"

enum { DM_TIER_LINES_MAX = DM_TIERS_MAX + 1 };

/* Bounds rise, from above nothing; there is a tier after the first. DM_E_INVALID. */
int dm_tiers_check(const dm_tiers *t, dm_err *err) DM_NODISCARD;

/* Which tier a sum of so much is in: 0 is the first. */
uint8_t dm_tier_of(const dm_tiers *t, dm_qty sum);

/* The count of book and SKU stands at before, and more comes. like: its segment, seconds, book and SKU. Lines come by
 * tier, those of minutes numbered from 1 as paid ones are; those that are taken back have a quantity below zero. out
 * has room for DM_TIER_LINES_MAX. */
int dm_tier_lines(const dm_rate_book *book, const dm_rate_line *like, dm_qty before, dm_qty more, dm_rate_line *out,
        size_t *n_out, dm_err *err) DM_NODISCARD;

/* A price less so many basis points, exactly; DM_E_INVALID where that has more than 12 decimals, or there are more than
 * 10,000 of them: such a discount is refused when it is entered, never rounded. */
int dm_price_discount(dm_price list, uint32_t basis_points, dm_price *out, dm_err *err) DM_NODISCARD;

/* What a month that came to `spent` is short of the least that was promised; nothing where it is not. */
int dm_commit_short(dm_money least, dm_money spent, dm_money *out, dm_err *err) DM_NODISCARD;

/* What is to be charged for that now, where `before` has been: below nothing where the month has come to more since. */
int dm_commit_due(dm_money least, dm_money spent, dm_money before, dm_money *out, dm_err *err) DM_NODISCARD;

#endif
