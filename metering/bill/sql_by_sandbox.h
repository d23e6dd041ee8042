/* metering/bill/sql_by_sandbox.h: the statements of by_sandbox.h. */
#ifndef DM_METERING_BILL_SQL_BY_SANDBOX_H
#define DM_METERING_BILL_SQL_BY_SANDBOX_H

#include "base/pg.h"

/* The next document of the oldest statement that owes one; *added false: none does. */
int dm_sql_by_sandbox_add(dm_pg *c, bool *added, dm_err *err) DM_NODISCARD;
/* The oldest day that can be settled and is not; *settled false: there is none. */
int dm_sql_by_sandbox_settle(dm_pg *c, bool *settled, dm_err *err) DM_NODISCARD;

#endif
