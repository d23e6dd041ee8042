/* metering/export/data/usage.h: what an account used and was charged for it by day: by project, template, key and SKU.
 * The rows of a day come to what its statements do; a key or template of none is what was no sandbox's. Seconds stand
 * in rows of their own, which have no SKU. */
#ifndef DM_METERING_EXPORT_DATA_USAGE_H
#define DM_METERING_EXPORT_DATA_USAGE_H

#include "metering/export/data/set.h"

extern const dm_data_set dm_data_usage;

#endif
