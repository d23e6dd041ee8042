/* tests/support/docrig.h: invoices and credit notes of every kind that there is, made up: each with one thing in it
 * that some form cannot do, or does otherwise; statements of any size, and receipts.
 */
#ifndef DM_TESTS_SUPPORT_DOCRIG_H
#define DM_TESTS_SUPPORT_DOCRIG_H

#include "metering/rules/invoice.h"

enum { DOC_BODY_MAX = 32 << 20 };

/* NULL behind the last. */
const char *doc_name(size_t i);
/* Appends its canonical bytes. false: there is none of that name, or no memory. */
bool doc_make(const char *name, dm_buf *out);

/* A statement of so many sandboxes, in a few projects and one of many, as the printer reads it: its head and its pages,
 * a line each. late: the last page corrects an hour before. false: no memory. */
bool doc_state(size_t sandboxes, bool late, dm_buf *out);
/* A receipt of an invoice that was paid, or of what was paid in advance. */
bool doc_receive(bool top_up, dm_buf *out);

#endif
