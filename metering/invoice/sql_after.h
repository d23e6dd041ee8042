/* metering/invoice/sql_after.h: what credit notes and payments read and write. Inside a transaction of role dm_meter.
 */
#ifndef DM_METERING_INVOICE_SQL_AFTER_H
#define DM_METERING_INVOICE_SQL_AFTER_H

#include "metering/invoice/after.h"

/* Of an invoice's credit notes: line, net; tax, base, amount. */
int dm_sql_credited_lines(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_credited_taxes(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* Whether the wallet has settled any of its statements by the hour. */
int dm_sql_invoice_burnt(dm_pg *c, const dm_invoice_facts *f, bool *out, dm_err *err) DM_NODISCARD;
/* DM_E_EXISTS where the key has been booked. */
int dm_sql_payment(dm_pg *c, const dm_invoice_facts *f, const dm_paid *p, dm_money to_wallet, int64_t now_s,
        dm_err *err) DM_NODISCARD;

#endif
