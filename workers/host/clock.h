/* workers/host/clock.h: usage time, by which evidence is dated: an anchor, moved by the monotonic clock. It leans to
 * the wall by at most 1 ms a second; a step of the wall of more than a second is told as an error of the clock and not
 * followed, so that no second is billed twice or left out.
 *
 * The anchor is found at the daemon's start, when the wall may be wrong: a host is up before it is told the time.
 *
 *   the daemon before it, in the same boot of the host, left what usage time was at a moment of the monotonic clock:
 *     that goes on, unless the wall and the house (the database, whose time comes with the enrolment) are both of
 *     another mind, as after the host was suspended;
 *   nobody left any: the house's word is waited for, and stands against the wall; nothing is dated before. Where the
 *     house is silent for half a minute the wall has to do. */
#ifndef DM_WORKERS_HOST_CLOCK_H
#define DM_WORKERS_HOST_CLOCK_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/log.h"

typedef struct dm_usage_clock {
    const dm_clock *of;
    int64_t wall_us, mono_us; /* the anchor: usage time was wall_us when the monotonic clock said mono_us */
    int64_t silent_mono_us;   /* then the house was silent for too long */
    bool sure, heard;         /* the anchor was found; the house has spoken */
    uint32_t err_us;          /* how far the wall was off when last looked at; UINT32_MAX: or more */
} dm_usage_clock;

/* By the wall, until more is known. */
void dm_usage_clock_start(dm_usage_clock *c, const dm_clock *of);
/* Usage time was this when the monotonic clock said that, in this boot of the host. */
void dm_usage_clock_go_on(dm_usage_clock *c, int64_t usage_us, int64_t mono_us, dm_log *log);
/* It is so late in the house, give or take; 0: it does not say. Only its first word counts: later ones find sandboxes
 * whose seconds are under way. */
void dm_usage_clock_hear(dm_usage_clock *c, int64_t house_us, int64_t within_us, dm_log *log);
/* Evidence may be dated. */
bool dm_usage_clock_sure(const dm_usage_clock *c);

int64_t dm_usage_clock_now(const dm_usage_clock *c);
/* Once a second. */
void dm_usage_clock_lean(dm_usage_clock *c, dm_log *log);

#endif
