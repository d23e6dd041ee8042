/* metering/bill/sql_by_sandbox.h: the statements of by_sandbox.h. */
#ifndef DM_METERING_BILL_SQL_BY_SANDBOX_H
#define DM_METERING_BILL_SQL_BY_SANDBOX_H

#include "base/pg.h"

/* The next document of a statement that owes one: of a day that was asked for, the first by its turn, else the oldest;
 * *added false: none does. */
int dm_sql_by_sandbox_add(dm_pg *c, bool *added, dm_err *err) DM_NODISCARD;
/* A day that can be settled and is not, chosen in the same way; *settled false: there is none. */
int dm_sql_by_sandbox_settle(dm_pg *c, bool *settled, dm_err *err) DM_NODISCARD;

#endif
