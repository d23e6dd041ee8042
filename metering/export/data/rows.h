/* metering/export/data/rows.h: a dataset of an account or legal entity and a range, written to a sink: in memory that
 * does not grow with it, of one moment of the database, and the same rows as the same bytes. */
#ifndef DM_METERING_EXPORT_DATA_ROWS_H
#define DM_METERING_EXPORT_DATA_ROWS_H

#include "metering/export/data/format.h"
#include "metering/export/data/sums.h"

typedef struct dm_rows_asked {
    const dm_data_set *set;
    const dm_data_format *format;
    dm_data_range range;
    const char *folder; /* the writer's */
    /* Now and then, between rows; all below 0: it is not counted yet. What it returns other than 0 ends it, and is what
     * is returned. */
    int (*beat)(void *arg, int64_t done, int64_t all, dm_err *err);
    void *arg;
} dm_rows_asked;

/* Within a transaction of role dm_export in the account's scope, or in none, that sees one moment. sums is
 * the caller's to let go of, whatever this returned. */
int dm_data_rows(dm_pg *c, const dm_rows_asked *asked, dm_sink *sink, dm_sums *sums, dm_err *err) DM_NODISCARD;

#endif
