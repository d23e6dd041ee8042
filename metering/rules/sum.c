#include "metering/rules/sum.h"

enum { UNIT_MICRO = 1000000 };

/* n times what a unit of so many millionths costs, added to out. A quantity of a million sandboxes has no room in a
 * line's (NUMERIC(20,6)), its money has. */
static int add(dm_money *out, uint64_t n, uint64_t micro, dm_sku sku, const dm_rate_book *book, dm_err *err)
{
    dm_qty each;
    dm_money one, all;
    if (n == 0 || micro == 0)
        return 0;
    if (!book->has[sku])
        return dm_fail(
                err, DM_E_NOTFOUND, "price book %lld has no price for %s", (long long)book->id, dm_sku_name(sku));
    int r = dm_qty_of(1, micro, &each, err);
    if (r == 0)
        r = dm_money_of(each, book->per_unit[sku], &one, err);
    if (r == 0 && __builtin_mul_overflow(one.v, (dm_i128)n, &all.v))
        r = dm_fail(err, DM_E_LIMIT, "%s: more money than there is room for", dm_sku_name(sku));
    return r < 0 ? r : dm_money_add(*out, all, out, err);
}

int dm_sum_amount(const dm_sum *s, const dm_rate_book *book, dm_money *out, dm_err *err)
{
    dm_money sum = {0};
    int r = add(&sum, s->hib, DM_RATE_GRAIN_MICRO, DM_SKU_DISK_HIB, book, err);
    if (r == 0 && !book->minutes) {
        r = add(&sum, s->over_30, DM_RATE_GRAIN_MICRO, DM_SKU_DISK_RUN_OVER_30, book, err);
        if (r == 0)
            r = add(&sum, s->run_s, (uint64_t)(s->mem_mib / DM_RATE_GRAIN_MIB) * DM_RATE_GRAIN_MICRO, DM_SKU_MEM_RUN,
                    book, err);
        if (r == 0)
            r = add(&sum, s->run_s, (uint64_t)s->vcpus * UNIT_MICRO, DM_SKU_VCPU_RUN, book, err);
    }
    if (r == 0)
        *out = sum;
    return r;
}

int64_t dm_money_micros(dm_money m)
{
    const dm_i128 micro = 1000000000000;
    dm_i128 n = m.v / micro;
    return m.v <= 0 ? 0 : n > INT64_MAX ? INT64_MAX : (int64_t)n;
}
