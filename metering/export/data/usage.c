#include "metering/export/data/usage.h"

#include "metering/export/data/cell.h"
#include "metering/export/data/columns.h"
#include "metering/export/data/sql_usage.h"
#include "metering/rules/invoice.h"

static const dm_data_column columns[] = {
        [DM_USAGE_DAY] = DM_COLUMN_TIME("day", true),
        [DM_USAGE_PROJECT] = DM_COLUMN_TEXT("project", false),
        [DM_USAGE_PROJECT_NAME] = DM_COLUMN_TEXT("project_name", false),
        [DM_USAGE_TEMPLATE] = DM_COLUMN_TEXT("template", false),
        [DM_USAGE_KEY] = DM_COLUMN_TEXT("key", false),
        [DM_USAGE_SKU] = DM_COLUMN_TEXT("sku", false),
        [DM_USAGE_RUNNING_S] = DM_COLUMN_INT("running_s", true),
        [DM_USAGE_HIBERNATED_S] = DM_COLUMN_INT("hibernated_s", true),
        [DM_USAGE_QUANTITY] = DM_COLUMN_DECIMAL("quantity", 30, 6, true),
        [DM_USAGE_UNIT] = DM_COLUMN_TEXT("unit", false),
        [DM_USAGE_AMOUNT] = DM_COLUMN_MONEY("amount", true),
        [DM_USAGE_CURRENCY] = DM_COLUMN_TEXT("currency", true),
};

static int row(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    (void)text;
    (void)err;
    dm_data_summed(rows, i, DM_USAGE_COLUMNS, out);
    if (out->cells[DM_USAGE_SKU].p != NULL)
        out->cells[DM_USAGE_UNIT] = dm_str_c(dm_invoice_unit(out->cells[DM_USAGE_SKU]));
    return 0;
}

const dm_data_set dm_data_usage = {
        .name = "usage",
        .title = "what was used and charged, by day",
        .columns = columns,
        .ncolumns = DM_LEN(columns),
        .sources = {&dm_usage_days},
        .documents = &dm_usage_stated,
        .row = row,
        .cells_guarded = true,
};
