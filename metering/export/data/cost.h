/* metering/export/data/cost.h: what an account was charged, line by line: the lines of its statements as they stand
 * (usage, what corrects it, what was measured and sold in tiers), in the order of periods and lines; and behind them
 * what only invoices and credit notes have: commitments, credit that was given, rounding, tax, what was credited. A
 * month's are those of the periods that begin in it, of the invoices whose period ends in it, and of the credit notes
 * that were issued in it. So the amounts of all rows that name a document sum to its total, where the range has all its
 * periods. A voided invoice, and what was credited to it, counts nowhere: its periods are of the invoice that took its
 * place. */
#ifndef DM_METERING_EXPORT_DATA_COST_H
#define DM_METERING_EXPORT_DATA_COST_H

#include "metering/export/data/set.h"

extern const dm_data_set dm_data_cost;

#endif
