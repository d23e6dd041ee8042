#include "workers/host/clock.h"

static const int64_t lean_us = 1000, step_us = 1000 * 1000, silent_us = 30 * 1000 * 1000;

static bool apart(int64_t a, int64_t b, int64_t by)
{
    return a > b ? a - b > by : b - a > by;
}

static void anchor(dm_usage_clock *c, int64_t now_us)
{
    c->wall_us = now_us;
    c->mono_us = dm_mono_us(c->of);
}

void dm_usage_clock_start(dm_usage_clock *c, const dm_clock *of)
{
    *c = (dm_usage_clock){.of = of, .silent_mono_us = dm_mono_us(of) + silent_us};
    anchor(c, dm_wall_us(of));
}

void dm_usage_clock_go_on(dm_usage_clock *c, int64_t usage_us, int64_t mono_us, dm_log *log)
{
    int64_t passed = dm_mono_us(c->of) - mono_us;
    if (passed < 0 || usage_us > INT64_MAX - passed) /* that was another boot's */
        return;
    int64_t off = dm_wall_us(c->of) - (usage_us + passed);
    if (apart(off, 0, step_us)) {
        DM_LOG(log, DM_ERROR, "clock.stepped", dm_fi("by_us", off));
        anchor(c, usage_us + passed);
    }
    c->sure = true;
}

void dm_usage_clock_hear(dm_usage_clock *c, int64_t house_us, int64_t within_us, dm_log *log)
{
    int64_t wall_us = dm_wall_us(c->of), now_us = dm_usage_clock_now(c);
    bool wall_off = house_us != 0 && apart(wall_us, house_us, step_us + within_us);
    if (c->heard)
        return;
    c->heard = true;
    if (wall_off)
        DM_LOG(log, DM_ERROR, "clock.wrong", dm_fi("by_us", wall_us - house_us), dm_fi("within_us", within_us));
    if (!dm_usage_clock_sure(c) && wall_off) {
        anchor(c, house_us);
    } else if (house_us != 0 && !wall_off && apart(now_us, wall_us, step_us)) {
        DM_LOG(log, DM_ERROR, "clock.followed", dm_fi("by_us", wall_us - now_us));
        anchor(c, wall_us);
    }
    c->sure = true;
}

bool dm_usage_clock_sure(const dm_usage_clock *c)
{
    return c->sure || dm_mono_us(c->of) >= c->silent_mono_us;
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
