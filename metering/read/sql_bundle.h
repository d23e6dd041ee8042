/* metering/read/sql_bundle.h: the statements of bundle.c and sworn.c. Times are seconds of UTC. */
#ifndef DM_METERING_READ_SQL_BUNDLE_H
#define DM_METERING_READ_SQL_BUNDLE_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/number.h"

/* first, last, count: of the statements from `first` to `last`, or, first 0, of the periods that begin in [from, to) */
int dm_sql_bundle_range(dm_pg *c, dm_account_no account_no, dm_statement_no first, dm_statement_no last, int64_t from,
        int64_t to, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* id of each price book that these statements' heads name */
int dm_sql_bundle_books(dm_pg *c, dm_account_no account_no, dm_statement_no first, dm_statement_no last, int64_t limit,
        dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* region_no, name, price group */
/* Documents of these statements: invoices of any of them, and credit notes to those, by seller and chain: no, number.
 */
int dm_sql_bundle_invoices(dm_pg *c, dm_account_no account_no, dm_statement_no first, dm_statement_no last,
        int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* One: body, hash, key, signature, seller, number, the numbers of its statements (null: none). */
int dm_sql_bundle_invoice(
        dm_pg *c, dm_account_no account_no, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_bundle_regions(dm_pg *c, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* key, from, to or null; worker_no 0: the service's */
int dm_sql_bundle_keys(dm_pg *c, dm_worker_no worker_no, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* body, sha256, key, signature, version, pages, period's start, closed at, its pages' hashes one after the other */
int dm_sql_bundle_head(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_bundle_page(dm_pg *c, dm_account_no account_no, int64_t period_start, uint32_t page, dm_pg_rows **out,
        dm_err *err) DM_NODISCARD;

enum dm_oath_col {
    DM_OATH_PLACE,
    DM_OATH_SANDBOX,
    DM_OATH_EPOCH,
    DM_OATH_WORKER,
    DM_OATH_SERVICE,
    DM_OATH_HASH,
    DM_OATH_MESSAGE
};
int dm_sql_oaths(dm_pg *c, dm_account_no account_no, dm_statement_no number, uint32_t page, int64_t after,
        int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* how many, on how many pages; no row: no such statement */
int dm_sql_oaths_count(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_oath_of(
        dm_pg *c, dm_account_no account_no, const dm_digest *hash, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
