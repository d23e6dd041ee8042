/* metering/kit/counted.h: what the seconds of an open period come to so far, of one project, size and region: the
 * ledger counts while it merges, the live view rates what was counted. Plain data. It is no bill: what was counted is
 * what the frames say, before anybody has sworn to it or judged it. */
#ifndef DM_METERING_KIT_COUNTED_H
#define DM_METERING_KIT_COUNTED_H

#include <stdint.h>

typedef struct dm_counted_key {
    int64_t period_start;
    uint32_t project_no; /* as wide as in a sample */
    uint16_t spec_table, spec, region_no;
    uint16_t zero[3]; /* keys are compared as bytes */
} dm_counted_key;

typedef struct dm_counted {
    uint64_t run_s;        /* running seconds, of all its sandboxes together */
    uint64_t over_30, hib; /* grain-seconds: what running disks exceed 30 GiB by; sleepers' disks */
    uint32_t at, ran;      /* the newest second in which one ran, from the period's start on, and how many ran in it */
    uint32_t ran_before;   /* and in the one before, which is whole when this one is still coming in */
    uint32_t minute;       /* the newest in which one slept */
    uint64_t over, over_before;   /* grains, of those who ran in `at` and before it */
    uint64_t slept, slept_before; /* grain-seconds, of `minute` and of the one before it */
    dm_counted_key key;
} dm_counted;

#endif
