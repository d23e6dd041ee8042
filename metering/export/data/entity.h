/* metering/export/data/entity.h: what operators have written out of all accounts of a legal entity. Amounts have the
 * signs of the journal: what is owed to us, comes in or is given is above 0, what we owe, earn or are paid off with is
 * below. Days are of UTC, by which a booking counts (dm.booked_on).
 *
 * journal   the double-entry journal by day: what a day's bookings of a kind debited and credited each ledger account
 * of a customer, or of the business for one; of a document, a payment or a grant a row's bookings are that one's. Each
 * day comes to 0. tax       what was owed to each jurisdiction, by month, category, rate and kind of document: what was
 * issued, and, below 0, what credit notes and voided invoices took back. Comes to what the journal has for it. ageing
 * what customers owed at the range's end, by invoice, and for how long. Comes to the journal's receivables. revenue   a
 * roll-forward, of each customer: what was recognised, what is deferred, unbilled, given and lapsed: opening, what
 * moved it, closing. Opening and movements, less closing, come to 0. */
#ifndef DM_METERING_EXPORT_DATA_ENTITY_H
#define DM_METERING_EXPORT_DATA_ENTITY_H

#include "metering/export/data/set.h"

extern const dm_data_set dm_data_journal, dm_data_tax, dm_data_ageing, dm_data_revenue;

/* What a ledger account is, to who keeps books; NULL: there is none of that name. */
typedef struct dm_ledger_kind {
    const char *name;     /* one that ends in ':' is all those that begin so */
    const char *class_;   /* "asset", "liability", "income", "expense" */
    const char *position; /* where it stands in a roll-forward */
} dm_ledger_kind;
const dm_ledger_kind *dm_ledger_kind_of(dm_str name);

#endif
