/* metering/read/sql_read.h: the statements of the side that the API shows. Inside a transaction of role dm_api; times
 * are seconds of UTC but for those that end in _us. */
#ifndef DM_METERING_READ_SQL_READ_H
#define DM_METERING_READ_SQL_READ_H

#include "base/pg.h"
#include "base/wire/number.h"

#include "metering/read/read.h"

/* number, period_start, period_s, currency, total, running_s, hibernated_s, unattested, sha256, closed_at_us; newest
 * first */
int dm_sql_read_statements(dm_pg *c, dm_account_no account_no, dm_statement_no before, size_t limit, dm_pg_rows **out,
        dm_err *err) DM_NODISCARD;
int dm_sql_count_statements(dm_pg *c, dm_account_no account_no, dm_pg_total *out, dm_err *err) DM_NODISCARD;
/* body, sha256, public_key, signature, version, pages; one row or none */
int dm_sql_read_statement_body(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* one row or none */
int dm_sql_read_statement_is(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* body, sha256, the hashes of all pages in their order; one row or none. Pages without a statement are nobody's to see:
 * so they are asked for through it. */
int dm_sql_read_statement_page(dm_pg *c, dm_account_no account_no, dm_statement_no number, uint32_t page,
        dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* line_no, project_no, sandbox_id, epoch, sku, tier, book_id, charge_from, charge_to, seconds, qty, per_unit, amount,
 * corrects_period (null); project 0: of all */
int dm_sql_read_lines(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_project_no project_no,
        uint32_t after, size_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_count_lines(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_project_no project_no,
        dm_pg_total *out, dm_err *err) DM_NODISCARD;
/* worker_no (null: the service's), public_key, valid_from_us, valid_to_us (null: still); the service's first. after may
 * be NULL */
int dm_sql_read_keys(dm_pg *c, const dm_read_key *after, size_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_count_keys(dm_pg *c, dm_pg_total *out, dm_err *err) DM_NODISCARD;
/* version, started_us, beat_age_s, lag_frames, lag_attestations, watermark_us, closed_through_us; one row or none */
int dm_sql_read_meters(dm_pg *c, int64_t most, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_read_beat(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* boot, frame; one row or none */
int dm_sql_read_mark(dm_pg *c, dm_worker_no worker_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
