#include "metering/export/data/cost.h"

#include "base/wire/id.h"

#include "metering/export/data/sql_cost.h"
#include "metering/rules/invoice.h"

#define TEXT(name)                                                                                                     \
    {                                                                                                                  \
        name, DM_DATA_TEXT, 0, 0, false                                                                                \
    }
#define NEED(name)                                                                                                     \
    {                                                                                                                  \
        name, DM_DATA_TEXT, 0, 0, true                                                                                 \
    }
#define INT(name)                                                                                                      \
    {                                                                                                                  \
        name, DM_DATA_INT, 0, 0, false                                                                                 \
    }
#define TIME(name, required)                                                                                           \
    {                                                                                                                  \
        name, DM_DATA_TIME, 0, 0, required                                                                             \
    }
#define DECIMAL(name, precision, scale, required)                                                                      \
    {                                                                                                                  \
        name, DM_DATA_DECIMAL, precision, scale, required                                                              \
    }

static const dm_data_column columns[] = {
        [DM_COST_KIND] =
                NEED("kind"), /* usage, measured, correction, fee, commitment, credit, discount, rounding, tax */
        [DM_COST_STATEMENT] = INT("statement"),
        [DM_COST_LINE] = INT("line"),
        [DM_COST_INVOICE] = TEXT("invoice"),
        [DM_COST_PERIOD_START] = TIME("period_start", true),
        [DM_COST_PERIOD_END] = TIME("period_end", true),
        [DM_COST_CHARGE_START] = TIME("charge_start", true),
        [DM_COST_CHARGE_END] = TIME("charge_end", true),
        [DM_COST_CORRECTS] = TIME("corrects_period", false),
        [DM_COST_PROJECT] = TEXT("project"),
        [DM_COST_PROJECT_NAME] = TEXT("project_name"),
        [DM_COST_SANDBOX] = TEXT("sandbox"),
        [DM_COST_EPOCH] = INT("epoch"),
        [DM_COST_TEMPLATE] = TEXT("template"),
        [DM_COST_KEY] = TEXT("key"),
        [DM_COST_REGION] = TEXT("region"),
        [DM_COST_SKU] = TEXT("sku"),
        [DM_COST_TIER] = INT("tier"),
        [DM_COST_BOOK] = INT("price_book"),
        [DM_COST_TAX_CATEGORY] = TEXT("tax_category"),
        [DM_COST_TAX_RATE] = DECIMAL("tax_rate", 7, 4, false),
        [DM_COST_TAX_JURISDICTION] = TEXT("tax_jurisdiction"),
        [DM_COST_SECONDS] = INT("seconds"),
        [DM_COST_QUANTITY] = DECIMAL("quantity", 20, 6, false),
        [DM_COST_UNIT] = TEXT("unit"),
        [DM_COST_PER_UNIT] = DECIMAL("per_unit", 18, 12, false),
        [DM_COST_AMOUNT] = DECIMAL("amount", 38, 18, true),
        [DM_COST_CURRENCY] = NEED("currency"),
};

static dm_str maybe(const dm_pg_rows *rows, size_t i, unsigned column)
{
    return dm_pg_is_null(rows, i, column) ? (dm_str){NULL, 0} : dm_pg_str(rows, i, column);
}

static int row(const dm_pg_rows *rows, size_t i, dm_buf *text, dm_data_row *out, dm_err *err)
{
    for (unsigned k = 0; k < DM_COST_COLUMNS; k++)
        out->cells[k] = maybe(rows, i, k);
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
