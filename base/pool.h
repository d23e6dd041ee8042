/* base/pool.h: a bounded set of handles (connections, clients) that threads share. Whoever needs one takes a place, and
 * gives it back with the handle that stands in it, or empty. Handles are made by whoever got an empty place, since that
 * may block and nobody else should wait for it; so they are made when they are first needed. The free ones are a stack:
 * the one used last is the warmest, and under little load the same few stay so. Who waits is served in the order in
 * which he came, and nobody who comes later gets before him, but for this: each place is taken in the name of a party,
 * a number of the caller's, and a party holds at most three quarters of the places, and at least one; at that bound it
 * waits, and others go on. Party 0 is nobody in particular, bound by nothing. Any thread. */
#ifndef DM_BASE_POOL_H
#define DM_BASE_POOL_H

#include <stdint.h>

#include "base/err.h"

enum { DM_POOL_MAX = 1024 };

typedef struct dm_pool dm_pool;

/* max places, 1 to DM_POOL_MAX. what names the handles in a refusal ("database connections") and is copied; unmake
 * frees a handle that is left when the pool goes. */
int dm_pool_new(unsigned max, const char *what, void (*unmake)(void *handle), dm_pool **out, dm_err *err) DM_NODISCARD;
void dm_pool_free(dm_pool *p); /* nobody may hold a place */
DM_DEFINE_FREEP(dm_pool)

/* Waits at most wait_ms for a place, then DM_E_UNAVAILABLE. On 0 *out is its handle, or NULL for an empty one. */
int dm_pool_take(dm_pool *p, int64_t party, unsigned wait_ms, void **out, dm_err *err) DM_NODISCARD;
/* In the name in which it was taken. handle NULL: the place is empty, whatever stood in it was freed by the caller. */
void dm_pool_give(dm_pool *p, int64_t party, void *handle);
/* How many wait for a place, now. */
unsigned dm_pool_waiting(dm_pool *p);

#endif
