#include "workers/host/clock.h"

static const int64_t lean_us = 1000, step_us = 1000 * 1000;

void dm_usage_clock_start(dm_usage_clock *c, const dm_clock *of)
{
    *c = (dm_usage_clock){.of = of, .wall_us = dm_wall_us(of), .mono_us = dm_mono_us(of)};
}

int64_t dm_usage_clock_now(const dm_usage_clock *c)
{
    return c->wall_us + (dm_mono_us(c->of) - c->mono_us);
}

void dm_usage_clock_lean(dm_usage_clock *c, dm_log *log)
{
    int64_t off = dm_wall_us(c->of) - dm_usage_clock_now(c);
    int64_t abs = off < 0 ? -off : off;
    if (abs > step_us && c->err_us <= step_us)
        DM_LOG(log, DM_ERROR, "clock.stepped", dm_fi("by_us", off));
    c->err_us = abs > UINT32_MAX ? UINT32_MAX : (uint32_t)abs;
    if (abs <= step_us)
        c->wall_us += off > lean_us ? lean_us : off < -lean_us ? -lean_us : off;
}
