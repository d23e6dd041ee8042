/* base/rate.h: how often each of many may do something: token buckets by name, in a table of fixed size. A name is a
 * number of the caller's, or made of bytes by dm_rate_name; that strangers choose the bytes does not let them choose
 * its place in the table. When a place is wanted and none is free, the bucket that was used least makes way and is full
 * again: whoever has many names can be forgotten, and can make nobody else wait. Constant time. Thread-safe. */
#ifndef DM_BASE_RATE_H
#define DM_BASE_RATE_H

#include "base/clock.h"
#include "base/str.h"

typedef struct dm_rate dm_rate;

typedef struct dm_rate_config {
    int64_t every_us; /* a token is added, */
    uint32_t burst;   /* until there are so many; at least 1 */
    const dm_clock *clock;
} dm_rate_config;

int dm_rate_new(const dm_rate_config *config, dm_rate **out, dm_err *err) DM_NODISCARD;
void dm_rate_free(dm_rate *r);
DM_DEFINE_FREEP(dm_rate)

uint64_t dm_rate_name(const dm_rate *r, dm_str bytes);

/* Takes a token: 0, or, when there is none, how long until there is one. */
int64_t dm_rate_take_us(dm_rate *r, uint64_t name);
/* The same at another pace than the table's: one name's pace may change between two takes, and what it has saved up
 * follows. left (may be NULL): the tokens that are there afterwards, and how long until there are burst. */
typedef struct dm_rate_pace {
    int64_t every_us;
    uint32_t burst;
} dm_rate_pace;
typedef struct dm_rate_left {
    uint32_t tokens;
    int64_t full_us;
} dm_rate_left;
int64_t dm_rate_take_at_us(dm_rate *r, uint64_t name, const dm_rate_pace *pace, dm_rate_left *left);
/* The same without taking it. */
int64_t dm_rate_wait_us(dm_rate *r, uint64_t name);

#endif
