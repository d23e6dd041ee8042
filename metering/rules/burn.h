/* metering/rules/burn.h: which grants of an account give how much, and in which order. Pure: the same grants and the
 * same amount give the same parts.
 *
 * Grants give by priority (the lower number first), then the one that expires earliest (those that never do last), then
 * the oldest. A burn takes all there is and no more. What is given back of it goes back in the order in which it was
 * taken, the last part first: whatever the order would be today. */
#ifndef DM_METERING_RULES_BURN_H
#define DM_METERING_RULES_BURN_H

#include "metering/rules/money.h"

#define DM_BURN_NEVER INT64_MAX

typedef struct dm_burn_grant {
    int64_t no; /* the older, the lower */
    int64_t priority;
    int64_t expires_s; /* the first second in which it gives nothing any more; DM_BURN_NEVER */
    bool paid;         /* money that came; else it was given */
    dm_money free;     /* what is left of it and not held; not negative */
} dm_burn_grant;

typedef struct dm_burn_part {
    int64_t no; /* the grant's */
    int64_t expires_s;
    bool paid;
    dm_money amount;
} dm_burn_part;

typedef struct dm_burn_sum {
    dm_money promo, paid;
} dm_burn_sum;

/* The order; as qsort wants it, on dm_burn_grant. */
int dm_burn_cmp(const void *a, const void *b);

/* Grants in their order; of those with nothing free, or over at at_s, no part is made. parts has room for n. amount and
 * what is free must not be negative. */
int dm_burn_plan(const dm_burn_grant *grants, size_t n, int64_t at_s, dm_money amount, dm_burn_part *parts,
        size_t *nparts, dm_burn_sum *sum, dm_err *err) DM_NODISCARD;

/* What of recorded parts, in their order, is given back of at most `amount`: given[i] is part i's, 0 for many. */
int dm_burn_unwind(const dm_burn_part *parts, size_t n, dm_money amount, dm_money *given, dm_burn_sum *sum,
        dm_err *err) DM_NODISCARD;

/* What of an amount that is split by seconds falls on `part` of `whole`, rounded up to the last decimal: of a largest
 * remainder's two choices the one in the customer's favour. whole > 0, part <= whole. */
int dm_burn_share(dm_money amount, uint64_t part, uint64_t whole, dm_money *out, dm_err *err) DM_NODISCARD;

#endif
