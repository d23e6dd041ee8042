/* metering/invoice/sql_state.h: the rows of what becomes of an invoice. Inside a transaction of role dm_meter. */
#ifndef DM_METERING_INVOICE_SQL_STATE_H
#define DM_METERING_INVOICE_SQL_STATE_H

#include "metering/invoice/status.h"

int dm_sql_invoice_turn(dm_pg *c, dm_account_no account_no, dm_err *err) DM_NODISCARD;
/* account_no, number, currency, total, prepaid, discount, paid, credited, open, due second, disputed, uncollectible,
 * voided; no row of a credit note. */
int dm_sql_state_load(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_state_first(dm_pg *c, const dm_invoice_facts *f, const char *status, dm_err *err) DM_NODISCARD;
int dm_sql_state_put(dm_pg *c, const dm_invoice_facts *f, const char *status, dm_err *err) DM_NODISCARD;
/* Numbers the event. */
int dm_sql_state_event(dm_pg *c, const dm_invoice_facts *f, int64_t now_s, const char *status, const char *why,
        const char *who, dm_err *err) DM_NODISCARD;
/* Those whose day is over: account_no, invoice_no, by day. */
int dm_sql_state_overdue(dm_pg *c, int64_t now_s, int64_t limit, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_invoice_mail(
        dm_pg *c, const char *cause, dm_str to, const char *subject, dm_str body, dm_err *err) DM_NODISCARD;
/* Of an invoice's statements: it is no longer theirs. */
int dm_sql_invoice_let_go(dm_pg *c, const dm_invoice_facts *f, dm_err *err) DM_NODISCARD;

#endif
