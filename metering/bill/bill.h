/* metering/bill/bill.h: statements. For each account and written period one SERIALIZABLE transaction: evidence is
 * judged and rated, the statement is made, signed and chained to the one before, its lines and journal entries and the
 * outbox row are written. A second run finds the period no longer open and does nothing. */
#ifndef DM_METERING_BILL_H
#define DM_METERING_BILL_H

#include "metering/ledger/own.h"

/* Makes every statement that is owed, oldest period first. An account whose evidence has no price, or whose statement
 * would be too large, waits (an anomaly says so), and its later periods with it; the others go on. 0 or
 * DM_LEDGER_ZOMBIE. */
int dm_bill_owed(dm_ledger *l, dm_err *err) DM_NODISCARD;

#endif
