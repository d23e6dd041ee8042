/* metering/invoice/doc.h: an invoice or credit note in memory, with all that its bytes are made of: gathered from what
 * is owed (make.h), or read again from the rows of one that was issued. Both come through the same columns and the same
 * frozen JSON, so that a document which is made again from its rows has the same bytes. */
#ifndef DM_METERING_INVOICE_DOC_H
#define DM_METERING_INVOICE_DOC_H

#include "base/json.h"
#include "base/pg.h"

#include "metering/rules/invoice.h"

enum { DM_DOC_NONE = 1 };

/* Zeroed it is empty; v borrows from the rest. */
typedef struct dm_doc {
    dm_invoice v;
    dm_account_no account_no;
    int64_t entity_no;
    int64_t invoice_no;   /* 0: it is not issued */
    int64_t refers_no;    /* the credited invoice; 0: none */
    dm_money promo, paid; /* gathered: what the wallet gave for its statements by the hour, less what came back */
    dm_str email, url;    /* where letters go, and what their links begin with */
    dm_pg_rows *head, *line_rows, *tax_rows, *statement_rows, *commitment_rows;
    json_t *frozen;
    char account[DM_UUID_TEXT], currency[4], number[40];
    dm_invoice_line *lines; /* has room for as many more as there are commitments */
    dm_invoice_commitment *commitments;
    dm_invoice_tax taxes[DM_INVOICE_TAXES_MAX];
    dm_invoice_book *books;
    dm_str *plans;
} dm_doc;

void dm_doc_done(dm_doc *d);
#define DM_AUTO_DOC __attribute__((cleanup(dm_doc_done), unused)) dm_doc

/* The five below take what a statement has given (sql_doc.h says its columns) and keep the rows; lines come behind
 * commitments. */
int dm_doc_head(dm_doc *d, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_doc_commitments(dm_doc *d, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_doc_lines(dm_doc *d, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_doc_taxes(dm_doc *d, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
int dm_doc_statements(dm_doc *d, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

/* One that was issued, from its rows. 0 or DM_DOC_NONE. */
int dm_doc_load(dm_pg *c, int64_t invoice_no, dm_doc *out, dm_err *err) DM_NODISCARD;

#endif
