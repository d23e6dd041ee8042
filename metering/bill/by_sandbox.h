/* metering/bill/by_sandbox.h: what statements come to by sandbox, added up behind them, so that a month of many
 * sandboxes is shown without reading its pages. A statement is added to its day of UTC (dm.usage_sandbox) document by
 * document, its head and each of its pages, with how far that is in the same transaction: so each counts once, whoever
 * dies when, and a reader finds in the documents what is not added yet (metering/read/days.h).
 *
 * A day to which nothing can be added any more is settled, in one transaction: its periods are closed, and none of its
 * statements is owed. The account's own money of that day is split between those who ran in it, by the rule that stands
 * in metering/read/days.h, and the day is added to its month (dm.usage_sandbox_month). What is corrected later is a
 * later day's, so a settled one never changes.
 *
 * What somebody asks for goes before what nobody does (metering/read/days.h, dm.ask_for_usage), in its turn; the rest
 * oldest first. */
#ifndef DM_METERING_BILL_BY_SANDBOX_H
#define DM_METERING_BILL_BY_SANDBOX_H

#include "metering/kit/chore.h"

/* Documents, and days, of a turn, a transaction each. A document is 500 sandboxes at most, a day all of an account: of
 * days none is begun later than DM_BY_SANDBOX_TURN_MS after the first, so that documents do not wait for many. */
enum { DM_BY_SANDBOX_TURN = 64, DM_BY_SANDBOX_TURN_MS = 10000 };

/* A chore: of what is owed at most DM_BY_SANDBOX_TURN documents; then of the days that are over as many at most. */
int dm_by_sandbox(const dm_chore_config *c, dm_err *err);

#endif
