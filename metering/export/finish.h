/* metering/export/finish.h: from drawn pages to a document that lasts and that everybody can read (PDF/A-3a, PDF/UA-1),
 * with the e-invoice in it (Factur-X): what cairo does not write, written by libqpdf. */
#ifndef DM_METERING_EXPORT_FINISH_H
#define DM_METERING_EXPORT_FINISH_H

#include "base/buf.h"

typedef struct dm_finish {
    dm_str pages;            /* as paper.h wrote them */
    const char *title, *day; /* as they were given there */
    dm_str xml;              /* CII; .n 0: there is none, and no word of Factur-X */
} dm_finish;

/* Appends the file. */
int dm_finish_pdf(const dm_finish *f, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
