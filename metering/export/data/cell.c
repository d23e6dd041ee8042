#include "metering/export/data/cell.h"

#include "base/parse.h"

#include "metering/rules/statement.h"

int dm_data_time(dm_str cell, char out[32], dm_err *err)
{
    int64_t s;
    int r = dm_parse_i64(cell, 0, 253402300799, &s, err);
    if (r == 0)
        dm_time_text(s, out);
    return r;
}

static dm_str maybe(const dm_pg_rows *rows, size_t i, size_t column)
{
    return dm_pg_is_null(rows, i, (unsigned)column) ? (dm_str){NULL, 0} : dm_pg_str(rows, i, (unsigned)column);
}

void dm_data_cells(const dm_pg_rows *rows, size_t i, size_t n, dm_data_row *out)
{
    for (size_t k = 0; k < n; k++)
        out->cells[k] = maybe(rows, i, k);
}

void dm_data_summed(const dm_pg_rows *rows, size_t i, size_t n, dm_data_row *out)
{
    dm_data_cells(rows, i, n, out);
    out->currency = out->cells[n - 1];
    out->amount = maybe(rows, i, n);
    out->invoice = maybe(rows, i, n + 1);
}
