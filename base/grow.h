/* base/grow.h: arrays that double up to a bound. The array, its count and its room stay three plain members of their
 * owner, who indexes it as any array and frees it with free. Pointers into it do not outlive the next growth: what must
 * stay where it is belongs into memory of its own. */
#ifndef DM_BASE_GROW_H
#define DM_BASE_GROW_H

#include "base/err.h"

/* Makes room for one element behind the first n of (*array)[*room]; max is the most there may ever be, and what names
 * them in a refusal ("usage rows"). DM_E_LIMIT at the bound, DM_E_NOMEM; array and room are then as they were.
 *
 *     r = dm_grow(&w->holes, &w->holes_room, w->nholes, HOLES_MAX, "gaps", err);
 *     if (r < 0)
 *         return r;
 *     w->holes[w->nholes++] = gap;
 */
#define dm_grow(array, room, n, max, what, err)                                                                        \
    dm_grow_array((array), sizeof(**(array)), (room), (n), (max), (what), (err))

/* dm_grow's other half: array is the address of a pointer to elements of that size. */
int dm_grow_array(
        void *array, size_t size, size_t *room, size_t n, size_t max, const char *what, dm_err *err) DM_NODISCARD;

#endif
