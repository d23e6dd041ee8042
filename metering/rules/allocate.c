#include "metering/rules/allocate.h"

#include <assert.h>
#include <stdlib.h>

typedef struct rest {
    dm_i128 v; /* above what stands whole; below a unit */
    size_t at;
} rest;

static int larger_first(const void *x, const void *y)
{
    const rest *a = x, *b = y;
    if (a->v != b->v)
        return a->v > b->v ? -1 : 1;
    return a->at < b->at ? -1 : a->at > b->at;
}

/* What is left of the total when each has its whole units; rests and out are filled. */
static int wholes(
        const dm_money *exact, size_t n, dm_money total, dm_i128 unit, rest *rests, dm_money *out, dm_err *err)
{
    dm_money left = total;
    for (size_t i = 0; i < n; i++) {
        dm_i128 over = exact[i].v % unit;
        over += over < 0 ? unit : 0;
        rests[i] = (rest){over, i};
        dm_money minus, less = {-unit}, whole = {exact[i].v - exact[i].v % unit};
        int r = exact[i].v % unit < 0 ? dm_money_add(whole, less, &whole, err) : 0;
        if (r == 0)
            r = dm_money_negate(whole, &minus, err);
        if (r == 0)
            r = dm_money_add(left, minus, &left, err);
        if (r < 0)
            return r;
        out[i] = whole;
    }
    if (left.v < 0 || left.v / unit > (dm_i128)n || left.v % unit != 0)
        return dm_fail(err, DM_E_INVALID, "a total that its %zu lines do not come to", n);
    qsort(rests, n, sizeof *rests, larger_first);
    for (size_t i = 0; left.v > 0; i++, left.v -= unit) {
        int r = dm_money_add(out[rests[i].at], (dm_money){unit}, &out[rests[i].at], err);
        if (r < 0)
            return r;
    }
    return 0;
}

int dm_allocate(const dm_money *exact, size_t n, dm_money total, unsigned decimals, dm_money *out, dm_err *err)
{
    if (!dm_minor_whole(total, decimals) || (n == 0 && total.v != 0))
        return dm_fail(err, DM_E_INVALID, "a total that cannot be split");
    if (n == 0)
        return 0;
    DM_AUTO_MEM rest *rests = calloc(n, sizeof *rests);
    if (rests == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory to split a total among %zu lines", n);
    return wholes(exact, n, total, dm_minor_unit(decimals).v, rests, out, err);
}
