/* metering/ledger/lives.h: whose a second is, and what it counts for. A sandbox has a row of bit maps for each of its
 * lives in a period (an epoch, mostly); a second that several of them claim is billed to the highest (judge.h), and is
 * counted for that one here, too. What is counted is at each moment what the bit maps say then, in whatever order they
 * came to say it: a figure of a disk that comes late changes what the seconds that it holds for were counted for.
 *
 * Nearly every second is a running one of a sandbox whose disk is within what is free and with one life, or after all
 * that an earlier life said: from row->easy_from on that costs a comparison. Else the sandbox's lives are looked at,
 * the DM_LIVES_LOOK highest at most: of one that has so many above it nothing more is counted. One thread. */
#ifndef DM_METERING_LEDGER_LIVES_H
#define DM_METERING_LEDGER_LIVES_H

#include "metering/ledger/accum.h"
#include "metering/ledger/count.h"

enum { DM_LIVES_LOOK = 64 };

/* Of a row, what is seldom looked at. */
typedef struct dm_life {
    uint32_t lower;  /* row of the sandbox's next lower life; UINT32_MAX: none */
    uint32_t grains; /* its disk's newest figure, of the minute */
    uint16_t minute;
    uint16_t alone_from; /* from this second on no other life is known to claim any; UINT16_MAX: a higher one may */
} dm_life;

/* Of a sandbox. */
typedef struct dm_lives_head {
    uint32_t row; /* of its highest life; UINT32_MAX: free */
    uint32_t tag; /* of the hash: the row's own memory is seldom looked at */
} dm_lives_head;

/* Of one period; zeroed but for the first three it is empty. */
typedef struct dm_lives {
    int64_t start;
    uint32_t period_s;
    dm_counts *counts; /* borrowed */
    dm_life *v;        /* by row */
    size_t room;
    dm_lives_head *heads; /* open addressing */
    uint32_t nslots, n;
} dm_lives;

void dm_lives_done(dm_lives *l);

/* rows[row] is new, the last one, and has no second yet. */
int dm_lives_add(dm_lives *l, dm_accum_row *rows, uint32_t row, dm_err *err) DM_NODISCARD;

/* Sets seconds [from, to] of rows[row].run or .hib, and counts them. DM_E_NOMEM: what was counted may not have been
 * set. */
int dm_lives_set_among(
        dm_lives *l, dm_accum_row *rows, uint32_t row, bool run, uint32_t from, uint32_t to, dm_err *err) DM_NODISCARD;
/* The same; of most samples it is their second, the next one of a row that ran without a break. */
DM_NODISCARD static inline DM_UNUSED int dm_lives_set(
        dm_lives *l, dm_accum_row *rows, uint32_t row, bool run, uint32_t from, uint32_t to, dm_err *err)
{
    dm_accum_row *one = &rows[row];
    if (!run || from != to || from < one->easy_from)
        return dm_lives_set_among(l, rows, row, run, from, to, err);
    if (dm_accum_bit(&one->run, from))
        return 0;
    bool next = one->run.map == NULL && from == one->run.to; /* none yet: [0, 0) */
    bool fits = next || one->run.map != NULL;
    if (!fits || !dm_counts_now(l->counts, one->counter, l->start + from))
        return dm_lives_set_among(l, rows, row, run, from, to, err);
    if (next)
        one->run.to++;
    else
        one->run.map[from / 64] |= (uint64_t)1 << from % 64;
    return 0;
}

/* A figure of the disk: the larger counts. */
int dm_lives_disk(
        dm_lives *l, dm_accum_row *rows, uint32_t row, uint32_t minute, uint32_t grains, dm_err *err) DM_NODISCARD;

#endif
