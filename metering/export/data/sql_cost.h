/* metering/export/data/sql_cost.h: the cursors that rows of cost come from, whose columns are in the order of this
 * list. Role dm_export, in the account's scope. */
#ifndef DM_METERING_EXPORT_DATA_SQL_COST_H
#define DM_METERING_EXPORT_DATA_SQL_COST_H

#include "metering/export/data/set.h"

typedef enum dm_cost_column {
    DM_COST_KIND,
    DM_COST_STATEMENT,
    DM_COST_LINE,
    DM_COST_INVOICE,
    DM_COST_PERIOD_START,
    DM_COST_PERIOD_END,
    DM_COST_CHARGE_START,
    DM_COST_CHARGE_END,
    DM_COST_CORRECTS,
    DM_COST_PROJECT,
    DM_COST_PROJECT_NAME,
    DM_COST_SANDBOX, /* its id's 16 bytes */
    DM_COST_EPOCH,
    DM_COST_TEMPLATE,
    DM_COST_KEY,
    DM_COST_REGION,
    DM_COST_SKU,
    DM_COST_TIER,
    DM_COST_BOOK,
    DM_COST_TAX_CATEGORY,
    DM_COST_TAX_RATE,
    DM_COST_TAX_JURISDICTION,
    DM_COST_SECONDS,
    DM_COST_QUANTITY,
    DM_COST_UNIT, /* null: it follows from the SKU */
    DM_COST_PER_UNIT,
    DM_COST_AMOUNT,
    DM_COST_CURRENCY,
    DM_COST_COLUMNS
} dm_cost_column;

extern const dm_data_source dm_cost_lines, dm_cost_documents;
extern const dm_pg_stmt dm_cost_count, dm_cost_totals;

#endif
