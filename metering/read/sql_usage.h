/* metering/read/sql_usage.h: the statements of usage.h. ids is an array of bytea, as PostgreSQL writes one. */
#ifndef DM_METERING_READ_SQL_USAGE_H
#define DM_METERING_READ_SQL_USAGE_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

/* the end of the last period that closed, or null; one row or none */
int dm_sql_closed_through(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* sandbox_id, period_start, run and hib bits as varbit_send makes them, disk_16mib; lives in order */
int dm_sql_usage(
        dm_pg *c, dm_owner owner, dm_str ids, int64_t from, int64_t to, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* sandbox_id, from_s, to_s */
int dm_sql_usage_gaps(
        dm_pg *c, dm_owner owner, dm_str ids, int64_t from, int64_t to, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* sandbox_id, run_s, hib_s */
int dm_sql_month_seconds(
        dm_pg *c, dm_owner owner, dm_str ids, int64_t from, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
/* sandbox_id, amount, currency */
int dm_sql_month_amounts(
        dm_pg *c, dm_owner owner, dm_str ids, int64_t from, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

/* period_start, epoch, hash in hex; newest first */
int dm_sql_attested(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, int64_t from, int64_t to, size_t max,
        dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
