/* metering/invoice/sql_doc.h: the rows of a document. Inside a transaction of role dm_meter; times are seconds of UTC.
 */
#ifndef DM_METERING_INVOICE_SQL_DOC_H
#define DM_METERING_INVOICE_SQL_DOC_H

#include "base/pg.h"
#include "base/wire/number.h"

/* account_no, account's uuid, entity_no, currency, period_start, period_end, frozen; then, of one that was issued,
 * invoice_no, kind, number, chain, issued_at, due_on, refers_to, its number, reason, discount, prepaid,
 * previous_sha256. */
int dm_sql_doc_head(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* contract's uuid, month's first second, the next one's, least, charges, before, numbers of invoices; and, of one that
 * was issued, line, amount; by month */
int dm_sql_doc_commitments(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* kind, project_no, project_id, project_name, sku, tier, book_id, qty, per_unit, seconds, amount, net, tax_no, of_line
 */
int dm_sql_doc_lines(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* category, rate_ppm, reverse_charge, jurisdiction, reason_code, reason, exact, discount, lines, base, amount, rounding
 */
int dm_sql_doc_taxes(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* number, sha256, by number */
int dm_sql_doc_statements(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
