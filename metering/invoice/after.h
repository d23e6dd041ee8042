/* metering/invoice/after.h: what is done to an invoice that was issued: it is voided, credited, paid, disputed, given
 * up. Inside a transaction of role dm_meter that has the account's turn; each books what it does, and writes the event.
 */
#ifndef DM_METERING_INVOICE_AFTER_H
#define DM_METERING_INVOICE_AFTER_H

#include "base/crypto.h"

#include "metering/invoice/state.h"
#include "metering/rules/invoice.h"

enum { DM_AFTER_NO = 1 }; /* the invoice does not stand so: a->why says how; nothing was written */

typedef struct dm_after {
    dm_invoice_facts f; /* loaded; what is done changes it */
    int64_t now_s;
    const char *who, *reason;
    char why[160];   /* of DM_AFTER_NO */
    char number[40]; /* of a credit note */
    char to_wallet[DM_MONEY_TEXT];
} dm_after;

/* Only before anything was paid, credited or settled: then the booking is turned back, and its statements are to be
 * invoiced again. */
int dm_after_void(dm_pg *c, dm_after *a, dm_err *err) DM_NODISCARD;

/* Of lines, so much of each; n 0: all that is left of it. */
typedef struct dm_credit_line {
    uint32_t line; /* from 1 */
    dm_money net;
} dm_credit_line;
/* A credit note: what is still open of the invoice is lowered, and the rest goes to the wallet. */
int dm_after_credit(
        dm_pg *c, const dm_sign_key *key, dm_after *a, const dm_credit_line *lines, size_t n, dm_err *err) DM_NODISCARD;

typedef struct dm_paid {
    dm_money amount;
    int64_t received_s; /* the day */
    const char *how;    /* "operator", "bank" */
    const char *reference, *idem_key;
} dm_paid;
/* Money came. What the invoice has no need of goes to the wallet. */
int dm_after_pay(dm_pg *c, dm_after *a, const dm_paid *p, dm_err *err) DM_NODISCARD;

int dm_after_dispute(dm_pg *c, dm_after *a, bool disputed, dm_err *err) DM_NODISCARD;
/* What is open is a loss; what comes all the same is booked against that. */
int dm_after_give_up(dm_pg *c, dm_after *a, dm_err *err) DM_NODISCARD;

/* The day is over: the event, and one letter. */
int dm_after_overdue(dm_pg *c, dm_after *a, dm_err *err) DM_NODISCARD;

#endif
