/* tests/support/docrig.h: invoices and credit notes of every kind that there is, made up: each with one thing in it
 * that some form cannot do, or does otherwise. */
#ifndef DM_TESTS_SUPPORT_DOCRIG_H
#define DM_TESTS_SUPPORT_DOCRIG_H

#include "metering/rules/invoice.h"

enum { DOC_BODY_MAX = 32 << 20 };

/* NULL behind the last. */
const char *doc_name(size_t i);
/* Appends its canonical bytes. false: there is none of that name, or no memory. */
bool doc_make(const char *name, dm_buf *out);

#endif
