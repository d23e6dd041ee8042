/* metering/invoice/commit.h: what a contract says a month costs at least, in an invoice: gathered from what has been
 * charged for the month (rules/invoice.h says how it is reckoned), and booked. Inside the transaction that issues. */
#ifndef DM_METERING_INVOICE_COMMIT_H
#define DM_METERING_INVOICE_COMMIT_H

#include "metering/invoice/doc.h"
#include "metering/invoice/make.h"

/* The months that an invoice of d's statements makes up: its own, of which a word stands or which m says are over, and
 * those that an invoice stands of and that its statements correct. */
int dm_commit_gather(dm_pg *c, const dm_make *m, dm_doc *d, dm_err *err) DM_NODISCARD;

/* What the document charges so is earned with it, and owed; back: it is voided. about: of an issue, its hash. */
int dm_commit_book(
        dm_pg *c, const dm_doc *d, bool back, int64_t at_s, const dm_digest *about, dm_err *err) DM_NODISCARD;

#endif
