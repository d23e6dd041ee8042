/* base/cond.h: a condition whose waits end on the monotonic clock, so that a step of the machine's wall clock neither
 * stretches nor cuts them. Signalling and destroying are pthread's own calls. Any thread. */
#ifndef DM_BASE_COND_H
#define DM_BASE_COND_H

#include <pthread.h>
#include <stdint.h>

/* Cannot fail on Linux, nor can a mutex with default attributes. */
void dm_cond_init(pthread_cond_t *c);

/* With the lock held. Comes back when signalled, when dm_mono_ms(&dm_clock_real) has passed until_ms, or for nothing:
 * the caller looks at its own condition again. */
void dm_cond_wait_until(pthread_cond_t *c, pthread_mutex_t *lock, int64_t until_ms);

#endif
