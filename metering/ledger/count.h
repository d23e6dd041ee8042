/* metering/ledger/count.h: the counters of the open periods (metering/kit/counted.h), each found once by a row of the
 * bit maps, which then knows its number; and which of them have changed since somebody asked.
 *
 * Nearly all that is counted are running seconds of now, and their counters are far apart in memory: so those of the
 * newest second and of the one before are first counted side by side, four bytes each (dm_counts_now), and added to
 * the counters when the stream goes on to the next second or somebody asks. One thread. */
#ifndef DM_METERING_LEDGER_COUNT_H
#define DM_METERING_LEDGER_COUNT_H

#include <stdbool.h>

#include "base/map.h"
#include "base/own.h"

#include "metering/kit/counted.h"
#include "metering/limits.h"

typedef struct dm_counter {
    dm_counted c;
    uint32_t no;
    bool fresh, closed;      /* changed since it was taken; its period is closed, it goes when it is taken */
    struct dm_counter *next; /* of the fresh ones */
} dm_counter;

typedef struct dm_counts {
    dm_map map;
    dm_counter **v; /* by number; NULL: a number that is free */
    uint32_t *now;  /* two a number: running seconds that are in no counter yet, of even and of odd seconds */
    uint32_t n, nfree;
    uint32_t *free;
    size_t v_room, now_room, free_room;
    dm_counter *fresh;
    int64_t newest; /* second that `now` is of, with the one before it */
} dm_counts;

void dm_counts_init(dm_counts *s);
void dm_counts_done(dm_counts *s);

/* The counter's number, good until its period is closed. Past DM_COUNTED_MAX it is 0, of whom nothing is told. */
int dm_counts_get(dm_counts *s, const dm_counted_key *key, uint32_t *out, dm_err *err) DM_NODISCARD;
/* Frames of this second come now. */
void dm_counts_second(dm_counts *s, int64_t second);
/* Periods that begin before this second are closed. */
void dm_counts_close_before(dm_counts *s, int64_t second);
/* Those that have changed since they were taken last, at most max: the others come next time. */
size_t dm_counts_take(dm_counts *s, dm_counted *out, size_t max);

/* A running second of a disk within what is free. False: it is not of now, and to be counted by dm_counts_add. */
static inline DM_UNUSED bool dm_counts_now(dm_counts *s, uint32_t no, int64_t second)
{
    bool now = (uint64_t)(s->newest - second) <= 1;
    s->now[2 * no + ((uint64_t)second & 1)] += now;
    return now;
}

/* n seconds of the minute of that place in the counter's period, the last of them there, on a disk of so many grains
 * (of running ones: n seconds there). back: one that was counted so is not any more. */
void dm_counts_add(dm_counts *s, uint32_t no, bool run, uint32_t at, uint32_t n, uint32_t grains);
void dm_counts_back(dm_counts *s, uint32_t no, bool run, uint32_t at, uint32_t grains);
/* n seconds were on a disk of so many grains, and are on one of others. */
void dm_counts_disk(dm_counts *s, uint32_t no, bool run, uint64_t n, uint32_t before, uint32_t after);

#endif
