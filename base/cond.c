#include "base/cond.h"

#include <assert.h>
#include <time.h>

void dm_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    int bad = pthread_condattr_init(&attr);

    bad |= pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    bad |= pthread_cond_init(c, &attr);
    assert(bad == 0);
    (void)bad;
    (void)pthread_condattr_destroy(&attr);
}

void dm_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, int64_t until_ms)
{
    struct timespec at = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};

    (void)pthread_cond_timedwait(c, lock, &at);
}
