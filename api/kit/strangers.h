/* api/kit/strangers.h: addresses from which wrong API keys come. After so many a minute, keys from there that nobody
 * has met are looked up in their turn alone: two seconds of every sixteen are each key's own. So guessing costs the
 * database an eighth of what it asks, and whoever is new behind such an address waits for fourteen seconds at most,
 * for as long as that goes on. What is refused does not count again. An IPv6 client is the network of 64 bits it is in.
 * Bounded memory, constant time, thread-safe. */
#ifndef DM_API_KIT_STRANGERS_H
#define DM_API_KIT_STRANGERS_H

#include "base/clock.h"
#include "base/str.h"

enum { DM_STRANGERS_TURNS = 8, DM_STRANGERS_TURN_S = 2 };

typedef struct dm_strangers dm_strangers;

int dm_strangers_new(unsigned per_min, const dm_clock *clock, dm_strangers **out, dm_err *err) DM_NODISCARD;
void dm_strangers_free(dm_strangers *s);
DM_DEFINE_FREEP(dm_strangers)

/* A positive number that stands for who is there, always the same; 0: it is none, or this machine, behind which may be
 * many. */
int64_t dm_strangers_name(const dm_strangers *s, dm_str address);
/* How long a key from there has to wait; 0: it may be looked up. address is text; one that is none, or is not there
 * (.p NULL, what this machine asks by itself), has no limit. */
int64_t dm_strangers_wait_us(dm_strangers *s, dm_str address, dm_str key);
/* A key from there was nobody's. */
void dm_strangers_add(dm_strangers *s, dm_str address);

#endif
