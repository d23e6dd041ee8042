/* metering/invoice/sql_bank.h: files and entries of a bank. Inside a transaction of role dm_meter. */
#ifndef DM_METERING_INVOICE_SQL_BANK_H
#define DM_METERING_INVOICE_SQL_BANK_H

#include "base/pg.h"

#include "metering/invoice/camt.h"

/* The first that is to be read: file_no, body, who; no row: there is none. */
int dm_sql_bank_file(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_bank_file_put(
        dm_pg *c, int64_t file_no, const char *state, const char *outcome, int64_t now_s, dm_err *err) DM_NODISCARD;
/* Whether the entry is there already. */
int dm_sql_bank_seen(dm_pg *c, const dm_camt_entry *e, bool *out, dm_err *err) DM_NODISCARD;
/* *added false: it came from elsewhere meanwhile. number NULL: of no invoice. */
int dm_sql_bank_entry(dm_pg *c, int64_t file_no, const dm_camt_entry *e, const char *number, const char *outcome,
        const char *why, bool *added, dm_err *err) DM_NODISCARD;
/* The invoice of that number and currency: account_no, invoice_no; no row: there is none. */
int dm_sql_bank_invoice(dm_pg *c, const char *number, const char *currency, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
