/* metering/invoice/sql_commit.h: what months have come to, of which a contract says what they cost at least. Inside a
 * transaction of role dm_meter; times are seconds of UTC. */
#ifndef DM_METERING_INVOICE_SQL_COMMIT_H
#define DM_METERING_INVOICE_SQL_COMMIT_H

#include "metering/invoice/make.h"

/* As sql_doc.h has those of a document, but what follows from them: of the statements that are owed, of which `last` is
 * the newest. */
int dm_sql_commit_months(dm_pg *c, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
