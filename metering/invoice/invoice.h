/* metering/invoice/invoice.h: from statements to what is owed and paid, as chores of the meter (kit/chore.h). One runs
 * at a time; each step is a transaction of its own, which asks first whether this meter may write. */
#ifndef DM_METERING_INVOICE_INVOICE_H
#define DM_METERING_INVOICE_INVOICE_H

#include "metering/kit/chore.h"

/* Months of UTC that ended invoice_delay_s ago and more, of which every period is written: an invoice for each account
 * whose periods of it are all stated, the oldest month first. One that comes to nothing gets none; what is below a
 * minor unit, or in the customer's favour, goes into the next month's; an account for which no tax rule holds waits,
 * and an anomaly says so. */
int dm_invoice_months(const dm_chore_config *c, dm_err *err) DM_NODISCARD;

/* What operators have ordered, one after the other. What cannot be done is refused, on its row. */
int dm_invoice_orders(const dm_chore_config *c, dm_err *err) DM_NODISCARD;

/* What should have been paid by yesterday is overdue. */
int dm_invoice_overdue(const dm_chore_config *c, dm_err *err) DM_NODISCARD;

/* Files of a bank that operators handed in: what they say that came is paid. */
int dm_invoice_bank(const dm_chore_config *c, dm_err *err) DM_NODISCARD;

#endif
