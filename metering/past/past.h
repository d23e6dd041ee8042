/* metering/past/past.h: past metrics, kept for a bounded time. A slot of ten minutes is written when it has been over
 * for DM_PAST_WAIT_S, from the ledger's chunks, which stand there already: who takes evidence neither knows of it nor
 * waits. What arrives later than that is not shown, nor are slots that are older than DM_PAST_BEHIND_S when their turn
 * comes: it is no evidence of anything. */
#ifndef DM_METERING_PAST_PAST_H
#define DM_METERING_PAST_PAST_H

#include "metering/kit/chore.h"

enum { DM_PAST_WAIT_S = 60, DM_PAST_BEHIND_S = 3600 };

/* A chore: the next slot, if it is due; where days are kept at all (past_days). */
int dm_past(const dm_chore_config *c, dm_err *err);

#endif
