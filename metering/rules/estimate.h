/* metering/rules/estimate.h: what sandboxes of one size come to in a month, before they have run: so long running and
 * asleep each, by one price book, behind what the month has used already. The same lines that a statement of it would
 * have, added up over the month (rate.h, tier.h): rating in pieces gives the same sum as in one. Pure. */
#ifndef DM_METERING_RULES_ESTIMATE_H
#define DM_METERING_RULES_ESTIMATE_H

#include "metering/rules/tier.h"

enum { DM_ESTIMATE_COUNT_MAX = 1000000, DM_ESTIMATE_LINES_MAX = DM_SKU_COUNT * DM_TIER_LINES_MAX };

/* One of them; its disk is so large throughout. */
typedef struct dm_estimate_use {
    dm_rate_sum each;
    uint32_t count; /* from 1 to DM_ESTIMATE_COUNT_MAX */
} dm_estimate_use;

/* Where the month stands: the pool and its allowance, of plans by minutes; the book's counts of what it sells in tiers.
 */
typedef struct dm_estimate_month {
    uint64_t pool_s, included_s;
    dm_qty counts[DM_SKU_COUNT];
} dm_estimate_month;

typedef struct dm_estimate {
    dm_rate_line lines[DM_ESTIMATE_LINES_MAX]; /* from and to say nothing */
    size_t n;
    dm_money total;
} dm_estimate;

/* DM_E_NOTFOUND: the book lacks a price. DM_E_LIMIT: it is more than an amount or a quantity has room for. */
int dm_estimate_of(const dm_estimate_use *use, const dm_rate_book *book, const dm_estimate_month *month,
        dm_estimate *out, dm_err *err) DM_NODISCARD;

#endif
