/* metering/export/doc.h: the canonical bytes of an invoice or credit note (metering/rules/invoice.h), read back into
 * what every format is written of. Pure. */
#ifndef DM_METERING_EXPORT_DOC_H
#define DM_METERING_EXPORT_DOC_H

#include "metering/rules/invoice.h"

typedef struct dm_export_doc {
    dm_invoice v;
    dm_digest hash; /* of the bytes: what was signed */
    json_t *json;   /* v borrows of it and of these */
    dm_invoice_book *books;
    dm_str *plans;
    dm_buf names;
} dm_export_doc;

/* At most DM_INVOICE_BYTES_MAX; a line end behind them is not theirs. All that follows from the lines is reckoned anew,
 * and DM_E_INVALID is said of what would then have other bytes: what was signed is what is printed, to the letter.
 * What is prepaid, a discount and the tax of a credit note are believed. On 0 *out is the caller's. */
int dm_export_doc_read(dm_str bytes, dm_export_doc **out, dm_err *err) DM_NODISCARD;
void dm_export_doc_free(dm_export_doc *d); /* NULL is fine */
DM_DEFINE_FREEP(dm_export_doc)

#endif
