/* metering/invoice/sql_issue.h: what issuing writes. Inside a transaction of role dm_meter. */
#ifndef DM_METERING_INVOICE_SQL_ISSUE_H
#define DM_METERING_INVOICE_SQL_ISSUE_H

#include "base/crypto.h"

#include "metering/invoice/doc.h"

typedef struct dm_issued {
    dm_str body;
    dm_digest sha256;
    dm_public_key key;
    dm_signature signature;
} dm_issued;

/* Locks the seller's chain; where it stands. */
int dm_sql_issue_chain(dm_pg *c, int64_t entity_no, int64_t *last, dm_digest *sha256, dm_err *err) DM_NODISCARD;
int dm_sql_issue_chain_on(dm_pg *c, int64_t entity_no, int64_t last, const dm_digest *sha256, dm_err *err) DM_NODISCARD;
int dm_sql_issue_next(dm_pg *c, int64_t entity_no, const char *series, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_sql_issue_doc(dm_pg *c, const dm_doc *d, const dm_issued *s, int64_t *invoice_no, dm_err *err) DM_NODISCARD;
int dm_sql_issue_lines(dm_pg *c, const dm_doc *d, dm_err *err) DM_NODISCARD;
int dm_sql_issue_commitments(dm_pg *c, const dm_doc *d, dm_err *err) DM_NODISCARD;
int dm_sql_issue_taxes(dm_pg *c, const dm_doc *d, dm_err *err) DM_NODISCARD;
/* The account's statements of those numbers, in that time, that no live invoice is of. */
int dm_sql_issue_statements(dm_pg *c, const dm_doc *d, int64_t *changed, dm_err *err) DM_NODISCARD;

#endif
