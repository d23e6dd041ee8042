#include "metering/export/data/set.h"

#include "metering/export/data/cost.h"
#include "metering/export/data/entity.h"
#include "metering/export/data/focus.h"
#include "metering/export/data/usage.h"

static const dm_data_set *const sets[] = {&dm_data_cost, &dm_data_focus_1_2, &dm_data_focus_1_3, &dm_data_focus_1_4,
        &dm_data_usage, &dm_data_journal, &dm_data_tax, &dm_data_ageing, &dm_data_revenue};

const dm_data_set *dm_data_set_at(size_t i)
{
    return i < DM_LEN(sets) ? sets[i] : NULL;
}

const dm_data_set *dm_data_set_find(dm_str name)
{
    for (size_t i = 0; i < DM_LEN(sets); i++)
        if (dm_str_eq_c(name, sets[i]->name))
            return sets[i];
    return NULL;
}
