/* api/kit/rates.h: how many requests and creates a second a project may send: its limits request_rate and create_rate,
 * and twice as many in one go. Each instance of the API gives out its part: the limit divided by how many instances
 * live, so that all of them together give the limit, and less to a project whose requests all come to one. Thread-safe.
 */
#ifndef DM_API_KIT_RATES_H
#define DM_API_KIT_RATES_H

#include "base/rate.h"
#include "base/wire/number.h"

typedef struct dm_rates dm_rates;

typedef enum dm_rates_of { DM_RATES_REQUESTS, DM_RATES_CREATES, DM_RATES_KINDS } dm_rates_of;

int dm_rates_new(const dm_clock *clock, dm_rates **out, dm_err *err) DM_NODISCARD;
void dm_rates_free(dm_rates *r);
DM_DEFINE_FREEP(dm_rates)

/* How many instances live; until it is told, one. */
void dm_rates_share(dm_rates *r, int64_t instances);

typedef struct dm_rates_left {
    int64_t limit, tokens; /* in one go: at most, and now */
    int64_t full_us;       /* until it is at most again */
} dm_rates_left;

/* One more: 0, or how long until there may be one. per_s 0 forbids. */
int64_t dm_rates_take_us(dm_rates *r, dm_rates_of of, dm_project_no project, int64_t per_s, dm_rates_left *left);

#endif
