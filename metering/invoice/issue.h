/* metering/invoice/issue.h: from a reckoned document to an issued one: its number and its place in the seller's chain,
 * its signature, its rows, and who is told. Inside a transaction of role dm_meter that has the account's turn; whoever
 * issues for the same seller waits for its commit, so that a number that is not committed is given to the next. */
#ifndef DM_METERING_INVOICE_ISSUE_H
#define DM_METERING_INVOICE_ISSUE_H

#include "base/crypto.h"

#include "metering/invoice/doc.h"

/* Takes the seller's chain and the next number of his series of that year, by v.issued_s: v.number, chain, previous. */
int dm_issue_number(dm_pg *c, dm_doc *d, dm_err *err) DM_NODISCARD;

/* Makes the bytes, signs them, writes the document and its rows; d->invoice_no and *sha256 are set. */
int dm_issue_write(dm_pg *c, const dm_sign_key *key, dm_doc *d, dm_digest *sha256, dm_err *err) DM_NODISCARD;

/* A message for others, and a letter to the invoice's address, if there is one. */
int dm_issue_tell(dm_pg *c, const dm_doc *d, const dm_digest *sha256, dm_err *err) DM_NODISCARD;
/* The letter that it is overdue. */
int dm_issue_remind(dm_pg *c, const dm_doc *d, dm_err *err) DM_NODISCARD;

#endif
