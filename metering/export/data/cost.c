#include "metering/export/data/cost.h"

#include "base/wire/id.h"

#include "metering/export/data/cell.h"
#include "metering/export/data/columns.h"
#include "metering/export/data/sql_cost.h"
#include "metering/rules/invoice.h"

static const dm_data_column columns[] = {
        [DM_COST_KIND] = DM_COLUMN_TEXT(
                "kind", true), /* usage, measured, correction, fee, commitment, credit, discount, rounding, tax */
        [DM_COST_STATEMENT] = DM_COLUMN_INT("statement", false),
        [DM_COST_LINE] = DM_COLUMN_INT("line", false),
        [DM_COST_INVOICE] = DM_COLUMN_TEXT("invoice", false),
        [DM_COST_PERIOD_START] = DM_COLUMN_TIME("period_start", true),
        [DM_COST_PERIOD_END] = DM_COLUMN_TIME("period_end", true),
        [DM_COST_CHARGE_START] = DM_COLUMN_TIME("charge_start", true),
        [DM_COST_CHARGE_END] = DM_COLUMN_TIME("charge_end", true),
        [DM_COST_CORRECTS] = DM_COLUMN_TIME("corrects_period", false),
        [DM_COST_PROJECT] = DM_COLUMN_TEXT("project", false),
        [DM_COST_PROJECT_NAME] = DM_COLUMN_TEXT("project_name", false),
        [DM_COST_SANDBOX] = DM_COLUMN_TEXT("sandbox", false),
        [DM_COST_EPOCH] = DM_COLUMN_INT("epoch", false),
        [DM_COST_TEMPLATE] = DM_COLUMN_TEXT("template", false),
        [DM_COST_KEY] = DM_COLUMN_TEXT("key", false),
        [DM_COST_REGION] = DM_COLUMN_TEXT("region", false),
        [DM_COST_SKU] = DM_COLUMN_TEXT("sku", false),
        [DM_COST_TIER] = DM_COLUMN_INT("tier", false),
        [DM_COST_BOOK] = DM_COLUMN_INT("price_book", false),
        [DM_COST_TAX_CATEGORY] = DM_COLUMN_TEXT("tax_category", false),
        [DM_COST_TAX_RATE] = DM_COLUMN_DECIMAL("tax_rate", 7, 4, false),
        [DM_COST_TAX_JURISDICTION] = DM_COLUMN_TEXT("tax_jurisdiction", false),
        [DM_COST_SECONDS] = DM_COLUMN_INT("seconds", false),
        [DM_COST_QUANTITY] = DM_COLUMN_DECIMAL("quantity", 20, 6, false),
        [DM_COST_UNIT] = DM_COLUMN_TEXT("unit", false),
        [DM_COST_PER_UNIT] = DM_COLUMN_DECIMAL("per_unit", 18, 12, false),
        [DM_COST_AMOUNT] = DM_COLUMN_MONEY("amount", true),
        [DM_COST_CURRENCY] = DM_COLUMN_TEXT("currency", true),
};

static int row(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    dm_data_cells(rows, i, DM_COST_COLUMNS, out);
    if (out->cells[DM_COST_SANDBOX].p != NULL) {
        dm_sandbox_id id;
        int r = dm_pg_bytes(rows, i, DM_COST_SANDBOX, id.b, sizeof id.b, err);
        if (r < 0)
            return r;
        dm_sandbox_name name = dm_sandbox_name_of(&id);
        (void)dm_buf_c(text, name.s);
        r = dm_buf_ok(text, err);
        if (r < 0)
            return r;
        out->cells[DM_COST_SANDBOX] = dm_buf_view(text);
    }
    if (out->cells[DM_COST_QUANTITY].p != NULL)
        out->cells[DM_COST_UNIT] = dm_str_c(dm_invoice_unit(out->cells[DM_COST_SKU]));
    out->currency = out->cells[DM_COST_CURRENCY];
    out->amount = out->cells[DM_COST_AMOUNT];
    out->invoice = out->cells[DM_COST_INVOICE];
    return 0;
}

const dm_data_set dm_data_cost = {
        .name = "cost",
        .title = "what was charged, line by line",
        .columns = columns,
        .ncolumns = DM_LEN(columns),
        .sources = {&dm_cost_lines, &dm_cost_documents},
        .count = &dm_cost_count,
        .documents = &dm_cost_totals,
        .row = row,
        .cells_guarded = true,
};
