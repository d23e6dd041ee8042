/* api/kit/pulse.h: what this instance was asked in the last minute and the last hour, mouth by mouth: how often, how
 * long it took, what it refused. In steps of ten seconds, in memory of a fixed size. Thread-safe. */
#ifndef DM_API_KIT_PULSE_H
#define DM_API_KIT_PULSE_H

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

typedef enum dm_pulse_mouth {
    DM_PULSE_E2B,
    DM_PULSE_V1,
    DM_PULSE_OPS,
    DM_PULSE_DOOR,
    DM_PULSE_UPLINK,
    DM_PULSE_MOUTHS
} dm_pulse_mouth;

/* "e2b", "v1", "ops", "door", "uplink". */
const char *dm_pulse_name(dm_pulse_mouth mouth);
/* Whose a path is: a route's, or one that is none's. */
dm_pulse_mouth dm_pulse_of(dm_str path);

enum { DM_PULSE_STEP_S = 10, DM_PULSE_MINUTE_S = 60, DM_PULSE_HOUR_S = 3600 };
/* Statuses that are told apart, the last for all others above 399. */
enum { DM_PULSE_STATUSES = 14 };
extern const int dm_pulse_statuses[DM_PULSE_STATUSES]; /* the last is 0 */

typedef struct dm_pulse dm_pulse;

int dm_pulse_new(const dm_clock *clock, dm_pulse **out, dm_err *err) DM_NODISCARD;
void dm_pulse_free(dm_pulse *p);
DM_DEFINE_FREEP(dm_pulse)

/* p may be NULL: nothing is counted. */
void dm_pulse_add(dm_pulse *p, dm_pulse_mouth mouth, int status, int64_t took_us);

typedef struct dm_pulse_seen {
    uint64_t count;
    int64_t p50_us, p99_us; /* it took at most so long; 0: nothing was asked; INT64_MAX: longer than what is measured */
    uint64_t errors[DM_PULSE_STATUSES];
} dm_pulse_seen;

/* Of the last span_s seconds (a minute or an hour), the step that has begun included. */
void dm_pulse_look(dm_pulse *p, dm_pulse_mouth mouth, int64_t span_s, dm_pulse_seen *out);

#endif
