/* metering/rules/sum.h: what many uses of one size come to together, under one price book: what the sum of their lines
 * is (rate.h), since nothing is rounded. For what is told while it goes on; a statement adds up its lines. Pure. */
#ifndef DM_METERING_RULES_SUM_H
#define DM_METERING_RULES_SUM_H

#include "metering/rules/rate.h"

typedef struct dm_sum {
    uint64_t run_s;        /* running seconds */
    uint64_t over_30, hib; /* grain-seconds: of running disks what exceeds 30 GiB; of sleepers' all */
    uint32_t vcpus, mem_mib;
} dm_sum;

/* Of plans by minutes their disks alone: minutes are the account's, pooled (dm_rate_minutes). DM_E_NOTFOUND where the
 * book has no price. */
int dm_sum_amount(const dm_sum *s, const dm_rate_book *book, dm_money *out, dm_err *err) DM_NODISCARD;

/* What of it is whole millionths; for what is counted in them. At most INT64_MAX, at least 0. */
int64_t dm_money_micros(dm_money m);

#endif
