#include "metering/export/format.h"

static const dm_export_format *const formats[] = {&dm_export_ubl, &dm_export_cii, &dm_export_pdf};

const dm_export_format *dm_export_at(size_t i)
{
    return i < DM_LEN(formats) ? formats[i] : NULL;
}

const dm_export_format *dm_export_find(dm_str name)
{
    for (size_t i = 0; i < DM_LEN(formats); i++) {
        if (dm_str_eq_c(name, formats[i]->name))
            return formats[i];
    }
    return NULL;
}
