/* base/wire/period.h: where accounting periods lie. Workers attest and the meter closes the same ones: each is period_s
 * seconds long and begins at a multiple of that, counted from the epoch of UTC, so an hour holds a whole number of them
 * and both sides agree without a word. */
#ifndef DM_BASE_WIRE_PERIOD_H
#define DM_BASE_WIRE_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

enum { DM_PERIOD_S_MIN = 60, DM_PERIOD_S_MAX = 3600 };

/* Of which length a ledger keeps periods: whole minutes that make up a whole hour. */
static inline bool dm_period_s_fits(uint32_t period_s)
{
    return period_s >= DM_PERIOD_S_MIN && period_s <= DM_PERIOD_S_MAX && period_s % 60 == 0 && 3600 % period_s == 0;
}

/* The first second of the period that a second belongs to; period_s is not 0. */
static inline int64_t dm_period_start(int64_t second, uint32_t period_s)
{
    int64_t into = second % period_s;
    return second - (into < 0 ? into + period_s : into);
}

/* Whether a period begins with this second, and so another ends with the one before. */
static inline bool dm_period_begins(int64_t second, uint32_t period_s)
{
    return second % period_s == 0;
}

#endif
