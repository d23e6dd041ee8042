#include "base/clock.h"

#include <time.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    /* Cannot fail for these two clocks and a good pointer. */
    (void)clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t real_wall(const dm_clock *c)
{
    (void)c;
    return read_us(CLOCK_REALTIME);
}

static int64_t real_mono(const dm_clock *c)
{
    (void)c;
    return read_us(CLOCK_MONOTONIC);
}

const dm_clock dm_clock_real = {.wall_us = real_wall, .mono_us = real_mono};

static const dm_clock_fake *fake_of(const dm_clock *c)
{
    return (const dm_clock_fake *)(const void *)c; /* base is the first member */
}

static int64_t fake_wall(const dm_clock *c)
{
    return fake_of(c)->wall;
}

static int64_t fake_mono(const dm_clock *c)
{
    return fake_of(c)->mono;
}

void dm_clock_fake_init(dm_clock_fake *f, int64_t wall_us)
{
    /* mono starts an hour in, as on a machine that is up: code that looks back a little stays above zero. */
    *f = (dm_clock_fake){
            .base = {.wall_us = fake_wall, .mono_us = fake_mono},
            .wall = wall_us,
            .mono = INT64_C(3600000000),
    };
}

void dm_clock_fake_move(dm_clock_fake *f, int64_t by_us)
{
    f->wall += by_us;
    f->mono += by_us;
}
