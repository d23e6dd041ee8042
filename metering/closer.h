/* metering/closer.h: threads that make statements, so that taking evidence never waits for one. Each has a connection
 * of its own, and accounts of its own: those whose number leaves its own place when divided by how many threads there
 * are. Within an account statements come one after the other, so no two threads meet on one.
 *
 * What is shared with the thread that takes evidence: the database; the metrics, which are atomic; the signing key,
 * which is only read; what dm_bill_config.held looks at, which must not change any more; and, under the lock of this
 * file, that somebody is to look for work, to stop, or has failed. A thread holds no row that a flush writes
 * (dm.meter_holder is the fence here). A failure stops all of them; it is told by dm_closers_failed. */
#ifndef DM_METERING_CLOSER_H
#define DM_METERING_CLOSER_H

#include "metering/bill/bill.h"

enum { DM_CLOSERS_MAX = 16 };

typedef struct dm_closers dm_closers;

typedef struct dm_closers_config {
    const char *db;      /* libpq's; the database must be there */
    unsigned n;          /* 1 to DM_CLOSERS_MAX */
    unsigned every_ms;   /* how often work is looked for without a word */
    dm_bill_config bill; /* pg, part and parts are set here, the rest is borrowed */
} dm_closers_config;

int dm_closers_new(const dm_closers_config *config, dm_closers **out, dm_err *err) DM_NODISCARD;
/* Waits for the step each is in, a page at most; what is half made is made anew by whoever comes next. NULL is fine. */
void dm_closers_free(dm_closers *c);
DM_DEFINE_FREEP(dm_closers)

/* A period was written: there may be work. */
void dm_closers_wake(dm_closers *c);
/* 0; or the first failure, DM_E_CONFLICT where another meter has taken over. */
int dm_closers_failed(dm_closers *c, dm_err *err) DM_NODISCARD;

#endif
