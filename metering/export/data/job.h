/* metering/export/data/job.h: one order, from taken to ready: rows or a document into a file beside its place, on the
 * disk, then in its place, and then the row says so. It may die anywhere: the row is taken again once its taker is not
 * heard any more, and what it left lies about until the sweep. A thread has a hand of its own. */
#ifndef DM_METERING_EXPORT_DATA_JOB_H
#define DM_METERING_EXPORT_DATA_JOB_H

#include <stdatomic.h>

#include "base/log.h"
#include "base/pg.h"

enum { DM_JOB_IDLE = 1 }; /* there was nothing to do */

typedef struct dm_hand {
    dm_pg *read, *say; /* role dm_export: what is read, and what is said of it meanwhile */
    const char *folder, *print;
    int64_t keep_s;
    uint64_t file_max;           /* bytes of one */
    const uint8_t *delivery_key; /* DM_KEY bytes that buckets' secrets are sealed with; NULL: nothing is delivered */
    bool loopback;               /* a bucket may be on this machine: for tests */
    const atomic_bool *stop;
    const dm_clock *clock;
    dm_log *log;
} dm_hand;

/* Takes one and does it. 0, also where it failed or was cancelled, which its row says; DM_JOB_IDLE. A failure is the
 * database's. */
int dm_job_next(dm_hand *h, dm_err *err) DM_NODISCARD;

/* Orders what schedules ask for, removes files whose time is over, and what died left; orders that were cancelled in
 * time are said to be. */
int dm_job_sweep(dm_hand *h, dm_err *err) DM_NODISCARD;

#endif
