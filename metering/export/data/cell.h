/* metering/export/data/cell.h: cells as several datasets read, and several formats write them. */
#ifndef DM_METERING_EXPORT_DATA_CELL_H
#define DM_METERING_EXPORT_DATA_CELL_H

#include "metering/export/data/set.h"

/* "2026-03-01T00:00:00Z" of a cell of a time; DM_E_INVALID: it is none. */
int dm_data_time(dm_str cell, char out[32], dm_err *err) DM_NODISCARD;

/* Of a fetched row the first n columns, as the cells of a dataset's row that has them in that order. */
void dm_data_cells(const dm_pg_rows *rows, size_t i, size_t n, dm_data_row *out);
/* The same, where behind them stand what the row adds to the sums, and to which total; its currency is the last cell.
 */
void dm_data_summed(const dm_pg_rows *rows, size_t i, size_t n, dm_data_row *out);

#endif
