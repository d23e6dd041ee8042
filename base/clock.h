/* base/clock.h: time as something passed in, so that tests own it. wall is UTC microseconds since the epoch;
 * mono never steps. A second is wall time divided by 10^6, rounded down. */
#ifndef DM_BASE_CLOCK_H
#define DM_BASE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct dm_clock {
    int64_t (*wall_us)(const struct dm_clock *c);
    int64_t (*mono_us)(const struct dm_clock *c);
} dm_clock;

/* The machine's. */
extern const dm_clock dm_clock_real;

/* A clock that stands until it is moved; any thread may look at it. Put base first: &fake.base is the dm_clock. */
typedef struct dm_clock_fake {
    dm_clock base;
    _Atomic int64_t wall;
    _Atomic int64_t mono;
} dm_clock_fake;

void dm_clock_fake_init(dm_clock_fake *f, int64_t wall_us);
void dm_clock_fake_move(dm_clock_fake *f, int64_t by_us);

static inline int64_t dm_wall_us(const dm_clock *c)
{
    return c->wall_us(c);
}

static inline int64_t dm_mono_us(const dm_clock *c)
{
    return c->mono_us(c);
}

/* For deadlines of waits that count in milliseconds. */
static inline int64_t dm_mono_ms(const dm_clock *c)
{
    return c->mono_us(c) / 1000;
}

/* Floor, also before 1970. */
static inline int64_t dm_second_of(int64_t us)
{
    return us >= 0 ? us / 1000000 : -((-us + 999999) / 1000000);
}

#endif
