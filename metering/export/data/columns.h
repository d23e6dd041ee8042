/* metering/export/data/columns.h: a dataset's list of columns, a line each; whether no row is without it stands last.
 */
#ifndef DM_METERING_EXPORT_DATA_COLUMNS_H
#define DM_METERING_EXPORT_DATA_COLUMNS_H

#include "metering/export/data/set.h"

#define DM_COLUMN_TEXT(name, required)                                                                                 \
    {                                                                                                                  \
        name, DM_DATA_TEXT, 0, 0, required                                                                             \
    }
#define DM_COLUMN_INT(name, required)                                                                                  \
    {                                                                                                                  \
        name, DM_DATA_INT, 0, 0, required                                                                              \
    }
#define DM_COLUMN_TIME(name, required)                                                                                 \
    {                                                                                                                  \
        name, DM_DATA_TIME, 0, 0, required                                                                             \
    }
#define DM_COLUMN_DECIMAL(name, precision, scale, required)                                                            \
    {                                                                                                                  \
        name, DM_DATA_DECIMAL, precision, scale, required                                                              \
    }
#define DM_COLUMN_MONEY(name, required) DM_COLUMN_DECIMAL(name, 38, 18, required)

#endif
