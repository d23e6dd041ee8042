/* metering/export/data/focus.h: what an account was charged as FOCUS "Cost and Usage" (focus.finops.org), a dataset for
 * each version, so that no file mixes two: the rows of cost.h, in the order of cost.h, with the columns of focus.def.
 *
 * Where the specification leaves a choice: what is measured and sold by the second is Usage, and so is what corrects
 * it; a credit note is a Credit, and so is credit that an invoice has used; what rounding gave or took, and what a
 * month is short of a contract's least, is an Adjustment. ChargeClass is Correction where a month before the billing
 * period is corrected. A billing period is a month of UTC. Rows of an InvoiceId sum to what the invoice comes to.
 * Strings are as they are: whoever opens it in a spreadsheet takes cost, or XLSX. */
#ifndef DM_METERING_EXPORT_DATA_FOCUS_H
#define DM_METERING_EXPORT_DATA_FOCUS_H

#include "metering/export/data/set.h"

extern const dm_data_set dm_data_focus_1_2, dm_data_focus_1_3, dm_data_focus_1_4;

#endif
