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
