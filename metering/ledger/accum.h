/* metering/ledger/accum.h: the hot path: frames become bit maps. For each open period and each (sandbox, epoch,
 * project, spec, region, worker) there is one row: a bit a running second, a bit a hibernated second, the largest disk
 * figure of each minute. Merging is OR and maximum, so that neither order nor repetition of frames can matter. What is
 * new by it is counted by project, size and region, for the live view: quantities only. No money here, no I/O.
 *
 * Rows of one worker come in much the same order each second, so each row remembers which came after it: most samples
 * are found without hashing. Most sandboxes run, or sleep, from one second to another with no break: as long as that is
 * so, the two seconds are the bit map, and one disk figure with the minutes it was given for is the list of them.
 * Memory: about 180 bytes a row while it is, whatever the period; of 3,600 s a bit map has 464 and a list of disk
 * figures 256. One thread. */
#ifndef DM_METERING_LEDGER_ACCUM_H
#define DM_METERING_LEDGER_ACCUM_H

#include "base/wire/frame.h"
#include "base/wire/number.h"
#include "base/wire/period.h"

#include "metering/kit/counted.h"
#include "metering/limits.h"

typedef struct dm_accum_key {
    dm_sandbox_id sandbox;
    dm_worker_no worker_no;
    uint32_t epoch, project_no;                 /* as wide as in a sample */
    uint16_t spec_table, spec, region_no, zero; /* zero is 0: keys are compared as bytes */
} dm_accum_key;

enum { DM_ACCUM_NEVER_EASY = (1 << 13) - 1 };

/* Seconds of a period. */
typedef struct dm_accum_bits {
    uint64_t *map;     /* bit s: second s; NULL: those of [from, to) */
    uint16_t from, to; /* of no more use with a map */
} dm_accum_bits;

typedef struct dm_accum_row {
    dm_accum_key key;
    dm_accum_bits run, hib;
    uint32_t *disk;   /* one a minute; NULL: that of each of `minutes` is disk_one, and the others have none */
    uint64_t minutes; /* bit m: minute m */
    uint32_t disk_one;
    uint32_t next;           /* which row came after this one last time */
    uint32_t counter : 19;   /* of its project, size and region (count.h); 0: it is not counted */
    uint32_t easy_from : 13; /* lives.h; DM_ACCUM_NEVER_EASY */
} dm_accum_row;

static inline bool dm_accum_any(const dm_accum_bits *b)
{
    return b->map != NULL || b->from < b->to;
}

static inline bool dm_accum_bit(const dm_accum_bits *b, uint32_t i)
{
    return b->map != NULL ? (b->map[i / 64] >> i % 64 & 1) != 0 : i >= b->from && i < b->to;
}

/* DM_DISK_UNKNOWN: no figure came for that minute. */
static inline uint32_t dm_accum_disk(const dm_accum_row *row, uint32_t minute)
{
    if (row->disk != NULL)
        return row->disk[minute];
    return (row->minutes >> minute & 1) != 0 ? row->disk_one : DM_DISK_UNKNOWN;
}

typedef struct dm_accum dm_accum;

/* period_s divides 3600 and is a multiple of 60 (DM_E_INVALID else). rows_max bounds all open periods together,
 * worker_rows_max those of one worker in one period. */
int dm_accum_new(uint32_t period_s, size_t rows_max, size_t worker_rows_max, dm_accum **out, dm_err *err) DM_NODISCARD;
void dm_accum_free(dm_accum *a);
DM_DEFINE_FREEP(dm_accum)

/* Seconds before this one are closed: counted in dm_accum_late, they change nothing. Rows before it are dropped. */
void dm_accum_close_before(dm_accum *a, int64_t second);
/* What a has of one period leaves it for an accum of its own, which another thread may read (rows and seconds); nothing
 * more is counted of it. The caller frees it, and closes a behind that period. */
int dm_accum_detach(dm_accum *a, int64_t period_start, dm_accum **out, dm_err *err) DM_NODISCARD;
uint64_t dm_accum_late(const dm_accum *a);
/* From now on they go into another, which is borrowed, is empty, and has periods of the same length. Nothing is counted
 * there: the periods are written, and are nothing that comes to something while one looks. */
void dm_accum_late_to(dm_accum *a, dm_accum *late);
void dm_accum_clear(dm_accum *late); /* drops all rows of one that late seconds go to */

enum { DM_ACCUM_OVER = 1 }; /* the worker would have more than worker_rows_max: nothing of the frame was merged */

/* A sample that cannot be is given to bad (may be NULL) and skipped; the others of its frame count. samples as from
 * dm_frame_open. 0 or DM_ACCUM_OVER. DM_E_LIMIT past rows_max: the caller must stop, for what is not merged would be
 * lost. */
typedef void (*dm_accum_bad_fn)(void *arg, uint32_t i, const dm_err *why);
int dm_accum_frame(dm_accum *a, const dm_frame_head *head, const uint8_t *samples, dm_accum_bad_fn bad, void *arg,
        dm_err *err) DM_NODISCARD;

/* The frame of this second is whole: that the worker said nothing of a sandbox then means that it had none. */
int dm_accum_cover(dm_accum *a, dm_worker_no worker_no, int64_t second, dm_err *err) DM_NODISCARD;
bool dm_accum_covered(const dm_accum *a, dm_worker_no worker_no, int64_t second);
/* The same of all seconds of a period, a bit each; NULL: none is. Borrowed until the next frame. */
const uint64_t *dm_accum_seconds(const dm_accum *a, dm_worker_no worker_no, int64_t period_start);
/* The i-th worker that brought anything in a period, ascending; 0 past the end. */
dm_worker_no dm_accum_worker(const dm_accum *a, int64_t period_start, size_t i);

/* The rows of one period, sorted by project, sandbox, epoch, spec table, spec, region, worker; *out is an array of
 * pointers to free, they are borrowed until the next frame. None: *n is 0 and *out is NULL. */
int dm_accum_rows(
        const dm_accum *a, int64_t period_start, const dm_accum_row ***out, size_t *n, dm_err *err) DM_NODISCARD;
/* What was counted (metering/kit/counted.h): those that have changed since this was asked last, at most max of them,
 * the others next time. A counter of a period that has been closed meanwhile comes once more, as it was. Of a second
 * that several lives of a sandbox claim, the highest has it. */
size_t dm_accum_counted(dm_accum *a, dm_counted *out, size_t max);
int64_t dm_accum_newest(const dm_accum *a); /* second of which a frame has come; -1: none has */
/* The earliest period that has anything; -1 when none has. */
int64_t dm_accum_first(const dm_accum *a);
int64_t dm_accum_next(const dm_accum *a, int64_t start); /* the same of those after one */
size_t dm_accum_count(const dm_accum *a);                /* rows */

static inline bool dm_bit(const uint64_t *bits, uint32_t i)
{
    return bits != NULL && (bits[i / 64] >> i % 64 & 1) != 0;
}

#endif
