/* metering/invoice/camt.h: a bank's statement of an account, camt.053 (ISO 20022), versions 02 and 08: its entries, one
 * after the other. Bytes of a stranger: at most DM_CAMT_BYTES_MAX, DM_CAMT_DEPTH deep, no DTD, so no entities but
 * XML's own and nothing that is fetched. No state, no clock. */
#ifndef DM_METERING_INVOICE_CAMT_H
#define DM_METERING_INVOICE_CAMT_H

#include "metering/rules/money.h"

enum { DM_CAMT_BYTES_MAX = 4 << 20, DM_CAMT_DEPTH = 32, DM_CAMT_ENTRIES_MAX = 20000, DM_CAMT_TEXT = 1024 };

typedef struct dm_camt_entry {
    char account[64];    /* IBAN, or the bank's own name of it */
    char reference[200]; /* of this entry at this account, once: the bank's; without one its number in this statement */
    char currency[4];
    dm_money amount;         /* not below 0 */
    bool debit, reversal;    /* it went out, or undoes what came in */
    bool booked;             /* else it may still go away */
    char day[16];            /* "2026-04-10", on which it was booked */
    char text[DM_CAMT_TEXT]; /* all that the payer gave: structured reference, documents, words; cut where there is more
                              */
} dm_camt_entry;

/* Calls fn for each; what that returns but 0 ends it, and is returned. An entry of several payments comes as each of
 * them, with the entry's reference and "/1", "/2". DM_E_INVALID: it is no such file, or says what cannot be: an entry
 * without amount or account, payments that do not come to their entry. */
typedef int (*dm_camt_fn)(void *arg, const dm_camt_entry *e, dm_err *err);
int dm_camt_read(dm_str xml, dm_camt_fn fn, void *arg, dm_err *err) DM_NODISCARD;

#endif
