/* metering/rules/receipt.h: a receipt: that money came, from whom, and for what. Its canonical bytes are as an
 * invoice's (invoice.h): one line of JSON, members in the order of their names; of it the page is made, and of nothing
 * else. It is not signed: what it says stands in the books with which a statement or an invoice was paid. Pure.
 *
 * {"account": uuid, "amount": money, "booked": time, "buyer": party, "currency": "USD", "invoice": number | null,
 *  "kind": "receipt", "number": "REC-000042", "of": "payment" | "top_up", "received": day, "reference": text,
 *  "seller": party, "to_wallet": money, what of it an invoice had no need of, "version": 1} */
#ifndef DM_METERING_RULES_RECEIPT_H
#define DM_METERING_RULES_RECEIPT_H

#include "metering/rules/invoice.h"

enum { DM_RECEIPT_VERSION = 1, DM_RECEIPT_BYTES_MAX = 64 << 10 };

/* All of it is borrowed. */
typedef struct dm_receipt {
    dm_str account, currency, number, reference;
    dm_str invoice; /* .p NULL: it was paid into the wallet */
    int64_t booked_s, received_s;
    dm_money amount, to_wallet;
    dm_invoice_party seller, buyer;
} dm_receipt;

/* One as the database has it: figures as text, parties as JSON. Borrowed. */
typedef struct dm_receipt_kept {
    dm_str account, currency, number, reference, amount, to_wallet, seller, buyer;
    dm_str invoice; /* .p NULL: the wallet */
    int64_t booked_s, received_s;
} dm_receipt_kept;
/* Appends its bytes. */
int dm_receipt_kept_body(const dm_receipt_kept *k, dm_buf *out, dm_err *err) DM_NODISCARD;

/* Appends the bytes. */
int dm_receipt_body(const dm_receipt *r, dm_buf *b, dm_err *err) DM_NODISCARD;
/* Borrowed of j. DM_E_INVALID. */
int dm_receipt_read(const json_t *j, dm_receipt *out, dm_err *err) DM_NODISCARD;

#endif
