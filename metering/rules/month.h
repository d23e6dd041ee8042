/* metering/rules/month.h: what the minutes of a month come to, by book and tier, part of the pool after part, in the
 * order in which it filled. A month that is corrected is gone through twice: without what came late, which is taken
 * away, and with it; what is left is what the correction says (metering/rules/statement.h). Pure. */
#ifndef DM_METERING_RULES_MONTH_H
#define DM_METERING_RULES_MONTH_H

#include "metering/rules/rate.h"

enum { DM_MONTH_LINES_MAX = 512 };

typedef struct dm_month_sum { /* zeroed it is empty; a line whose qty is 0 says nothing */
    dm_rate_line v[DM_MONTH_LINES_MAX];
    size_t n;
} dm_month_sum;

/* seconds of a part, in which included_s and the segment's book held, behind `before` others. with: added, else taken
 * away. DM_E_LIMIT: more books and tiers than fit. */
int dm_month_count(dm_month_sum *m, uint64_t before, uint64_t seconds, uint64_t included_s,
        const dm_rate_segment *segment, bool with, dm_err *err) DM_NODISCARD;

/* One of its lines, as what corrects a period of so many seconds, whose pool came to pool_s more. */
int dm_month_correction(
        dm_rate_line line, uint32_t period_s, int64_t pool_s, dm_rate_line *out, dm_err *err) DM_NODISCARD;

#endif
