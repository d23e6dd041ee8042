/* metering/export/format.h: the forms in which an invoice or credit note is given to people and their machines. Each is
 * a file of its own and a row here. Each is made of the document alone, so that whoever has it makes the same bytes. */
#ifndef DM_METERING_EXPORT_FORMAT_H
#define DM_METERING_EXPORT_FORMAT_H

#include "metering/export/doc.h"

enum { DM_EXPORT_BYTES_MAX = 128 << 20 }; /* of what is written */

typedef struct dm_export_format {
    const char *name, *media, *ending; /* "ubl", "application/xml", "xml" */
    bool fonts;                        /* it opens files that are installed, to read, while it writes */
    /* Appends the whole of it. DM_E_INVALID: it cannot be said in this form, and why. */
    int (*write)(const dm_export_doc *d, dm_buf *out, dm_err *err);
} dm_export_format;

extern const dm_export_format dm_export_ubl, dm_export_cii, dm_export_pdf;

/* NULL: there is none of that name. */
const dm_export_format *dm_export_find(dm_str name);
/* The i-th, from 0, NULL behind the last. */
const dm_export_format *dm_export_at(size_t i);

#endif
