/* metering/export/data/sql_rows.h: cursors. In the transaction that rows are read in. */
#ifndef DM_METERING_EXPORT_DATA_SQL_ROWS_H
#define DM_METERING_EXPORT_DATA_SQL_ROWS_H

#include "metering/export/data/set.h"

/* Until the transaction's end plans are such that the first row comes at once, and none are kept until all are there.
 */
int dm_sql_rows_prepare(dm_pg *c, dm_err *err) DM_NODISCARD;
/* Until then the views of a legal entity show that one. */
int dm_sql_rows_entity(dm_pg *c, int64_t entity_no, dm_err *err) DM_NODISCARD;
int dm_sql_rows_all(
        dm_pg *c, const dm_pg_stmt *st, const dm_data_range *range, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_rows_count(
        dm_pg *c, const dm_pg_stmt *count, const dm_data_range *range, int64_t *out, dm_err *err) DM_NODISCARD;
int dm_sql_rows_open(dm_pg *c, const dm_data_source *from, const dm_data_range *range, dm_err *err) DM_NODISCARD;
/* None: there are no more. */
int dm_sql_rows_fetch(dm_pg *c, const dm_data_source *from, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_sql_rows_close(dm_pg *c, const dm_data_source *from, dm_err *err) DM_NODISCARD;

#endif
