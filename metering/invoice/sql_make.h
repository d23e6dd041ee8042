/* metering/invoice/sql_make.h: what an invoice is made of. Inside a transaction of role dm_meter. */
#ifndef DM_METERING_INVOICE_SQL_MAKE_H
#define DM_METERING_INVOICE_SQL_MAKE_H

#include "metering/invoice/make.h"
#include "metering/rules/tax.h"

/* As sql_doc.h has them: of the statements that are owed, of which `last` is the newest; the seller is who sells now.
 */
int dm_sql_make_statements(dm_pg *c, const dm_make *m, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_make_head(dm_pg *c, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_make_lines(dm_pg *c, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* What of them the wallet has settled by the hour: promo, paid. Whoever wants it to stay so has the journal's turn. */
int dm_sql_make_burnt(dm_pg *c, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* Rules that hold then: rule_no, seller, buyer, business, category, rate_ppm, reverse_charge, jurisdiction,
 * reason_code, reason, valid_from, valid_to. */
int dm_sql_make_taxes(dm_pg *c, int64_t at_s, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* The area of a country; "" if it is in none. */
int dm_sql_make_area(dm_pg *c, dm_str country, char out[4], dm_err *err) DM_NODISCARD;

#endif
