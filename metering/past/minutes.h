/* metering/past/minutes.h: what sandboxes and projects used in the minutes of one slot, as frames say: shown, never
 * billed. No I/O, one thread. Seconds in which a sandbox ran count; what sleeps uses nothing that is shown here.
 *
 * A slot has a bound, and so has each project's part of it: a sandbox beyond has no row of its own, and counts in its
 * project's, which every project has. */
#ifndef DM_METERING_PAST_MINUTES_H
#define DM_METERING_PAST_MINUTES_H

#include "base/map.h"
#include "base/own.h"
#include "base/wire/frame.h"

#include "metering/limits.h"

enum { DM_PAST_SLOT_S = 600, DM_PAST_MINUTES = DM_PAST_SLOT_S / 60 };

typedef struct dm_past_minute {
    uint64_t run_s, cpu_us;
    uint64_t mem_mib_s, shared_mib_s; /* of each second that it ran */
    uint64_t disk_16mib;              /* the most; of a project the sum of what was measured */
    uint64_t net_in_kib, net_out_kib;
} dm_past_minute;

typedef struct dm_past_key {
    uint32_t project_no;
    dm_sandbox_id sandbox; /* of a project zeros, which no sandbox's id is */
} dm_past_key;

typedef struct dm_past_row {
    dm_past_key key;
    uint32_t sandboxes; /* of a project: with rows of their own */
    dm_past_minute minutes[DM_PAST_MINUTES];
} dm_past_row;

typedef struct dm_past_slot {
    int64_t from; /* its first second */
    size_t most, most_of_project;
    size_t left_out; /* so often a sandbox had no row of its own */
    dm_map rows;
} dm_past_slot;

void dm_past_slot_init(dm_past_slot *p, int64_t from);
void dm_past_slot_done(dm_past_slot *p);
/* A frame that was read (dm_frame_open); one of another slot says nothing. */
int dm_past_take(dm_past_slot *p, const dm_frame_head *head, const uint8_t *samples, dm_err *err) DM_NODISCARD;

/* A minute's figures as they are kept, in this order: seconds, hundredths of a second of CPU, MiB of memory of its own
 * and shared (the mean over what it ran; of a project over the minute), MiB of disk, KiB in and out. What does not fit
 * is the most that does. */
enum { DM_PAST_FIGURES = 7 };
void dm_past_figures(const dm_past_row *row, unsigned minute, int32_t out[DM_PAST_FIGURES]);
bool dm_past_is_project(const dm_past_row *row);

#endif
