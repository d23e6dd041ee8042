/* metering/bill/simulate.h: simulations of price books. What operators order (metering/ask/simulation.h) is carried out
 * here: each account that a book concerns is rated again over a closed month, with that book in the place of those it
 * would follow, from the same evidence and by the same code as its statements, and what that comes to stands beside
 * what those charged. Nothing is sworn to, and nothing is owed by it.
 *
 * What statements corrected of earlier periods stands on neither side: evidence that came late is not tried. */
#ifndef DM_METERING_BILL_SIMULATE_H
#define DM_METERING_BILL_SIMULATE_H

#include "metering/kit/chore.h"

enum { DM_SIMULATE_MS = 2000, DM_SIMULATE_KEPT_DAYS = 90 };

/* A chore: goes on with the oldest order for about DM_SIMULATE_MS, and for one period of one account at least; each few
 * of them are kept as they come. Memory is that of one reading of evidence (bill.c). */
int dm_simulate(const dm_chore_config *c, dm_err *err) DM_NODISCARD;

#endif
