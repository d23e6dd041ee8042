/* metering/export/format.h: the forms in which an invoice or credit note, a statement or a receipt is given to people
 * and their machines. Each is a file of its own and a row here. Each is made of the document alone, so that whoever has
 * it makes the same bytes. */
#ifndef DM_METERING_EXPORT_FORMAT_H
#define DM_METERING_EXPORT_FORMAT_H

#include "metering/export/doc.h"
#include "metering/export/received.h"
#include "metering/export/statement.h"

enum { DM_EXPORT_BYTES_MAX = 128 << 20 }; /* of what is written */

typedef struct dm_export_format {
    const char *name, *media, *ending; /* "ubl", "application/xml", "xml" */
    bool fonts;                        /* it opens files that are installed, to read, while it writes */
    /* Appends the whole of it. DM_E_INVALID: it cannot be said in this form, and why. */
    int (*write)(const dm_export_doc *d, dm_buf *out, dm_err *err);
    /* The same of a statement that has ended well; NULL: there is none in this form. */
    int (*stated)(const dm_export_statement *s, dm_buf *out, dm_err *err);
    int (*received)(const dm_export_receipt *r, dm_buf *out, dm_err *err); /* likewise, of a receipt */
} dm_export_format;

extern const dm_export_format dm_export_ubl, dm_export_cii, dm_export_pdf;

/* Them on paper (stated.c, received.c). */
int dm_statement_pdf(const dm_export_statement *s, dm_buf *out, dm_err *err) DM_NODISCARD;
int dm_receipt_pdf(const dm_export_receipt *r, dm_buf *out, dm_err *err) DM_NODISCARD;

/* NULL: there is none of that name. */
const dm_export_format *dm_export_find(dm_str name);
/* The i-th, from 0, NULL behind the last. */
const dm_export_format *dm_export_at(size_t i);

#endif
