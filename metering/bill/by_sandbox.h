/* metering/bill/by_sandbox.h: what statements come to by sandbox and day of UTC (dm.usage_sandbox), added up behind
 * them, so that a month of many sandboxes is shown without reading its pages. A statement is added document by
 * document, its head and each of its pages, with how far that is in the same transaction: so each counts once,
 * whoever dies when, and a reader finds in the documents what is not added yet (metering/read/days.h). */
#ifndef DM_METERING_BILL_BY_SANDBOX_H
#define DM_METERING_BILL_BY_SANDBOX_H

#include "metering/kit/chore.h"

/* Documents of a turn, a transaction each: one is 500 sandboxes at most, and no order of money waits for more. */
enum { DM_BY_SANDBOX_TURN = 64 };

/* A chore: the oldest of what is owed, at most DM_BY_SANDBOX_TURN documents of it. */
int dm_by_sandbox(const dm_chore_config *c, dm_err *err);

#endif
