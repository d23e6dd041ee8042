/* metering/ledger/aside.h: one thing at a time, done on a thread with a database connection of its own, so that whoever
 * takes evidence does not wait for it. Of the caller's thread alone; fn has arg to itself until it has ended. */
#ifndef DM_METERING_LEDGER_ASIDE_H
#define DM_METERING_LEDGER_ASIDE_H

#include "base/pg.h"

typedef struct dm_aside dm_aside;
typedef int (*dm_aside_fn)(dm_pg *pg, void *arg, dm_err *err);

/* db, as for dm_pg_open, is borrowed: NULL, all is done on the caller's thread and with pg. */
int dm_aside_new(const char *db, dm_pg *pg, dm_aside **out, dm_err *err) DM_NODISCARD;
/* Waits for what is being done. */
void dm_aside_free(dm_aside *a);
DM_DEFINE_FREEP(dm_aside)

/* fn begins, while nothing else is being done. */
int dm_aside_begin(dm_aside *a, dm_aside_fn fn, void *arg, dm_err *err) DM_NODISCARD;
bool dm_aside_busy(const dm_aside *a); /* it has begun, and its outcome was not taken */
bool dm_aside_over(const dm_aside *a); /* and it has ended */
/* What fn returned. Waits for its end. */
int dm_aside_take(dm_aside *a, dm_err *err) DM_NODISCARD;

#endif
