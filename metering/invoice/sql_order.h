/* metering/invoice/sql_order.h: orders of operators, as the meter takes them. Inside a transaction of role dm_meter. */
#ifndef DM_METERING_INVOICE_SQL_ORDER_H
#define DM_METERING_INVOICE_SQL_ORDER_H

#include "base/pg.h"

/* The first after `after` that is to be done, locked: order_no, account_no, kind, invoice_no, month's first second, the
 * next one's, amount, detail, who, why, idem_key; no row: there is none. */
int dm_sql_order_take(dm_pg *c, int64_t after, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* What came of it; state "done" or "refused". */
int dm_sql_order_put(
        dm_pg *c, int64_t order_no, const char *state, dm_str outcome, int64_t now_s, dm_err *err) DM_NODISCARD;

#endif
