/* metering/export/data/cell.h: a cell as several formats write it. */
#ifndef DM_METERING_EXPORT_DATA_CELL_H
#define DM_METERING_EXPORT_DATA_CELL_H

#include "base/str.h"

/* "2026-03-01T00:00:00Z" of a cell of a time; DM_E_INVALID: it is none. */
int dm_data_time(dm_str cell, char out[32], dm_err *err) DM_NODISCARD;

#endif
