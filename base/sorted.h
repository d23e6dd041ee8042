/* base/sorted.h: an array kept in order: finding by halving, opening a gap for a new element, closing one where some
 * went. For arrays that are read much more often than they change, or whose changes come near their end; what comes and
 * goes anywhere in a large set belongs into base/map.h. The caller owns array and count (base/grow.h makes room).
 *
 * All inline, so that a comparison known at compile time costs no call: this is on the way of every frame. */
#ifndef DM_BASE_SORTED_H
#define DM_BASE_SORTED_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/own.h"

/* Below, at or above zero: element comes before, at or after the key. */
typedef int (*dm_sorted_cmp)(const void *element, const void *key);

/* Where the key's element is among n of this size, or would stand; *there says which. */
static inline DM_UNUSED size_t dm_sorted_place(
        const void *v, size_t n, size_t size, const void *key, dm_sorted_cmp cmp, bool *there)
{
    size_t lo = 0, hi = n;
    *there = false;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = cmp((const char *)v + mid * size, key);
        if (c == 0)
            *there = true;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Moves what stands at `at` and behind it up by one, there being room for it; the caller fills the gap and counts. */
static inline DM_UNUSED void dm_sorted_open(void *v, size_t n, size_t size, size_t at)
{
    assert(at <= n);
    char *p = (char *)v + at * size;
    if (n > at)
        memmove(p + size, p, (n - at) * size);
}

/* Drops `gone` elements at `at` and counts. */
static inline DM_UNUSED void dm_sorted_close(void *v, size_t *n, size_t size, size_t at, size_t gone)
{
    assert(at <= *n && gone <= *n - at);
    char *p = (char *)v + at * size;
    *n -= gone;
    if (gone > 0 && *n > at)
        memmove(p, p + gone * size, (*n - at) * size);
}

#endif
