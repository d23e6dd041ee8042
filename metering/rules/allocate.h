/* metering/rules/allocate.h: a total that is printed, split among the lines under it, so that what is printed of the
 * lines adds up to it: by largest remainder. Pure. */
#ifndef DM_METERING_RULES_ALLOCATE_H
#define DM_METERING_RULES_ALLOCATE_H

#include "metering/rules/minor.h"

/* Of each exact amount the whole units below it (for a negative one too: towards the smaller), and then a unit more
 * for as many as it takes, those with the largest remainders first, of equal ones the earlier. No line is off by a unit
 * or more. total is whole and at most a unit away from the sum of exact, as its rounding is; else DM_E_INVALID. Of no
 * lines the total is 0. out may be exact. */
int dm_allocate(
        const dm_money *exact, size_t n, dm_money total, unsigned decimals, dm_money *out, dm_err *err) DM_NODISCARD;

#endif
