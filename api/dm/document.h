/* api/dm/document.h: an invoice, credit note, statement or receipt as people and their machines want it: PDF, UBL, CII.
 */
#ifndef DM_API_DM_DOCUMENT_H
#define DM_API_DM_DOCUMENT_H

#include "api/kit/api.h"

/* The form that the end of a number asks for (".pdf", ".ubl.xml", ".cii.xml"), which is taken off; NULL: none. */
const char *dm_document_format(dm_str *number);
/* What is asked for. */
typedef enum dm_document_of { DM_DOCUMENT_INVOICE, DM_DOCUMENT_STATEMENT, DM_DOCUMENT_RECEIPT } dm_document_of;
typedef struct dm_document {
    dm_document_of of; /* an invoice: or a credit note */
    dm_str number;
    const char *format;
} dm_document;

/* Answers with it; it is made where there is none yet, which is waited for. On a thread of DM_LATER_FILES. */
int dm_document_answer(dm_req *req, dm_api *api, const dm_document *d, dm_err *err) DM_NODISCARD;

#endif
