/* metering/check/check.h: reconciliations. Of each period that is closed, what has to agree is compared, by statements
 * that share nothing with what made it, and the outcome is a row (dm.reconciliation); what differs is an anomaly, too,
 * and is looked at again for as long as evidence may come late. Nothing is changed by it: people look. */
#ifndef DM_METERING_CHECK_CHECK_H
#define DM_METERING_CHECK_CHECK_H

#include "metering/kit/chore.h"

enum { DM_CHECK_PERIODS = 8 /* at most, of one run; the next run goes on */, DM_CHECK_AGAIN_S = 600 };

/* A chore: those of the oldest periods that have not been compared, and of what differed. */
int dm_check(const dm_chore_config *c, dm_err *err) DM_NODISCARD;

#endif
