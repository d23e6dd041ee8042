/* metering/export/data/sql_usage.h: the cursor that rows of usage come from, whose columns are in the order of this
 * list; behind them stand what a row adds to the sums, and to which total. Role dm_export, in the account's scope. */
#ifndef DM_METERING_EXPORT_DATA_SQL_USAGE_H
#define DM_METERING_EXPORT_DATA_SQL_USAGE_H

#include "metering/export/data/set.h"

typedef enum dm_usage_column {
    DM_USAGE_DAY,
    DM_USAGE_PROJECT,
    DM_USAGE_PROJECT_NAME,
    DM_USAGE_TEMPLATE,
    DM_USAGE_KEY,
    DM_USAGE_SKU,
    DM_USAGE_RUNNING_S,
    DM_USAGE_HIBERNATED_S,
    DM_USAGE_QUANTITY,
    DM_USAGE_UNIT, /* null: it follows from the SKU */
    DM_USAGE_AMOUNT,
    DM_USAGE_CURRENCY,
    DM_USAGE_COLUMNS
} dm_usage_column;

extern const dm_data_source dm_usage_days;
extern const dm_pg_stmt dm_usage_stated; /* what the statements of each day come to */

#endif
