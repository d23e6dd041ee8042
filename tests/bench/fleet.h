/* tests/bench/fleet.h: a simulated fleet: what so many workers with so many sandboxes would say of a second, as the
 * bytes a worker's journal holds. Every running sandbox lives about life_s seconds and is then replaced by another;
 * sleepers say something once a minute, in turn. The same seed and the same seconds give the same samples. Worker
 * numbers count from 1, boots are 1, frame numbers count from 1. One thread. */
#ifndef DM_TESTS_BENCH_FLEET_H
#define DM_TESTS_BENCH_FLEET_H

#include "base/wire/frame.h"

enum { DM_FLEET_WORKERS_MAX = 1000, DM_FLEET_SANDBOXES_MAX = 4000000, DM_FLEET_PROJECTS = 1000 };

typedef struct dm_fleet_config {
    uint32_t workers;
    uint32_t running, asleep; /* sandboxes, of all workers together; multiples of workers are taken exactly */
    uint32_t life_s;
    uint64_t seed;
    const uint8_t
            *secret; /* DM_KEY bytes of which the workers' seals are made; NULL: frames of before there were any */
} dm_fleet_config;

/* What was said so far. */
typedef struct dm_fleet_said {
    uint64_t samples, frames, run_seconds, hib_seconds, sandboxes;
} dm_fleet_said;

typedef struct dm_fleet dm_fleet;

int dm_fleet_new(const dm_fleet_config *config, dm_fleet **out, dm_err *err) DM_NODISCARD;
void dm_fleet_free(dm_fleet *f);
DM_DEFINE_FREEP(dm_fleet)

/* Moves on to a second later than the one before: some sandboxes end and others begin. */
void dm_fleet_second(dm_fleet *f, int64_t second);

/* What worker (from 0) says of the second, in as many parts as it takes: part 0, 1, ... Returns how many parts there
 * are; b is emptied first. Each part of each second is to be asked for once. */
int dm_fleet_frame(dm_fleet *f, uint32_t worker, uint16_t part, dm_buf *b, dm_err *err) DM_NODISCARD;

dm_fleet_said dm_fleet_said_of(const dm_fleet *f);
/* A worker's (from 0), or NULL. */
dm_mac *dm_fleet_seal_of(const dm_fleet *f, uint32_t worker);

#endif
