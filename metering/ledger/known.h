/* metering/ledger/known.h: the workers that are enrolled, as of the last look. A worker learns its number by enrolling,
 * so its row is committed before its first frame can be made: whoever is not there when the frame has been read already
 * and one looks again is a stranger for good. One who is not there as of an earlier look may just have enrolled. */
#ifndef DM_METERING_LEDGER_KNOWN_H
#define DM_METERING_LEDGER_KNOWN_H

#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/limits.h"

typedef struct dm_known {
    dm_worker_no *v; /* ascending */
    size_t n;
} dm_known;

bool dm_known_has(const dm_known *k, dm_worker_no worker_no);
/* Looks again; on an error it is as it was. Of more than DM_WORKERS_MAX those that are gone are left out first, then
 * the oldest. */
int dm_known_load(dm_known *k, dm_pg *pg, dm_err *err) DM_NODISCARD;
void dm_known_done(dm_known *k);

#endif
