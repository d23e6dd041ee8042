#include "metering/export/data/format.h"

static const dm_data_format *const formats[] = {&dm_data_csv, &dm_data_jsonl, &dm_data_parquet, &dm_data_xlsx};

const dm_data_format *dm_data_format_at(size_t i)
{
    return i < DM_LEN(formats) ? formats[i] : NULL;
}

const dm_data_format *dm_data_format_find(dm_str name)
{
    for (size_t i = 0; i < DM_LEN(formats); i++)
        if (dm_str_eq_c(name, formats[i]->name))
            return formats[i];
    return NULL;
}
