#include "api/kit/rates.h"

#include <stdatomic.h>

enum { FORBIDDEN_US = 60000000, PER_S_MAX = 1000000 };

struct dm_rates {
    dm_rate *of[DM_RATES_KINDS];
    atomic_llong instances;
};

int dm_rates_new(const dm_clock *clock, dm_rates **out, dm_err *err)
{
    const dm_rate_config config = {.every_us = 1, .burst = 1, .clock = clock}; /* each take has a pace of its own */
    DM_AUTO(dm_rates) r = calloc(1, sizeof *r);
    if (r == NULL)
        return dm_fail(err, DM_E_NOMEM, "rates");
    atomic_init(&r->instances, 1);
    for (size_t i = 0; i < DM_RATES_KINDS; i++) {
        int bad = dm_rate_new(&config, &r->of[i], err);
        if (bad < 0)
            return bad;
    }
    *out = dm_steal(&r);
    return 0;
}

void dm_rates_free(dm_rates *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < DM_RATES_KINDS; i++)
        dm_rate_free(r->of[i]);
    free(r);
}

void dm_rates_share(dm_rates *r, int64_t instances)
{
    atomic_store(&r->instances, instances > 0 ? instances : 1);
}

int64_t dm_rates_take_us(dm_rates *r, dm_rates_of of, dm_project_no project, int64_t per_s, dm_rates_left *left)
{
    int64_t n = atomic_load(&r->instances), wait = FORBIDDEN_US;
    int64_t mine = per_s < PER_S_MAX ? per_s : PER_S_MAX;
    *left = (dm_rates_left){.full_us = FORBIDDEN_US};
    if (mine > 0) {
        const dm_rate_pace pace = {
                .every_us = 1000000 * n / mine, .burst = (uint32_t)(2 * mine / n > 0 ? 2 * mine / n : 1)};
        dm_rate_left now;
        wait = dm_rate_take_at_us(r->of[of], (uint64_t)project.v, &pace, &now);
        *left = (dm_rates_left){.limit = pace.burst, .tokens = now.tokens, .full_us = now.full_us};
    }
    return wait;
}
