/* metering/export/received.h: a receipt (metering/rules/receipt.h) as paper needs it. Pure. */
#ifndef DM_METERING_EXPORT_RECEIVED_H
#define DM_METERING_EXPORT_RECEIVED_H

#include "metering/rules/receipt.h"

typedef struct dm_export_receipt {
    dm_receipt v;
    unsigned decimals; /* the currency's */
    dm_digest hash;
    json_t *json; /* v borrows of it */
} dm_export_receipt;

/* Whether a document begins as a receipt does; whether it is one, reading it says. */
bool dm_export_is_receipt(dm_str line);
/* DM_E_INVALID: it is none, or has other bytes than follow from it. On 0 *out is the caller's. */
int dm_export_receipt_read(dm_str bytes, dm_export_receipt **out, dm_err *err) DM_NODISCARD;
void dm_export_receipt_free(dm_export_receipt *r); /* NULL is fine */
DM_DEFINE_FREEP(dm_export_receipt)

#endif
