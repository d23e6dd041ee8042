/* workers/host/clock.h: usage time: the wall clock as it was when the daemon started, moved by the monotonic clock. It
 * leans back to the wall by at most 1 ms a second; a step of the wall of more than a second is told as an error of the
 * clock and not followed, so that no second is billed twice or left out. */
#ifndef DM_WORKERS_HOST_CLOCK_H
#define DM_WORKERS_HOST_CLOCK_H

#include "base/clock.h"
#include "base/log.h"

typedef struct dm_usage_clock {
    const dm_clock *of;
    int64_t wall_us, mono_us; /* the anchor: usage time was wall_us when the monotonic clock said mono_us */
    uint32_t err_us;          /* how far the wall was off when last looked at; UINT32_MAX: or more */
} dm_usage_clock;

void dm_usage_clock_start(dm_usage_clock *c, const dm_clock *of);
int64_t dm_usage_clock_now(const dm_usage_clock *c);
/* Once a second. */
void dm_usage_clock_lean(dm_usage_clock *c, dm_log *log);

#endif
