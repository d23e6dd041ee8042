/* metering/rules/book.h: a price book from its rows' texts, as PostgreSQL prints them, to what rating takes and to what
 * is hashed. Pure; whoever bills, shows, estimates or drafts reads a book by this. */
#ifndef DM_METERING_RULES_BOOK_H
#define DM_METERING_RULES_BOOK_H

#include "metering/rules/statement.h"
#include "metering/rules/tier.h"

/* A row of dm.price, borrowed; p NULL: it has none. tiers: those of dm.price_tier in their order, one after the other
 * by
 * ';', each "from,per_unit,list_per_unit,discount_bp", the last two empty where there is no discount. */
typedef struct dm_book_text {
    dm_str sku, unit, per_unit, list_per_unit, discount_bp, mode, tiers;
} dm_book_text;

/* Texts in prices are those of the rows. */
typedef struct dm_book_made {
    dm_rate_book rate;
    dm_book_price prices[DM_SKU_COUNT]; /* by SKU, as they come */
    dm_book_terms terms[DM_SKU_COUNT];
    size_t n;
} dm_book_made;

/* Adds the next price, in the order of their SKUs. DM_E_INVALID: it is none, its discount is not exact, its tiers do
 * not rise. On failure b is of no more use. */
int dm_book_add(dm_book_made *b, const dm_book_text *t, dm_err *err) DM_NODISCARD;

#endif
