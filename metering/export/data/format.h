/* metering/export/data/format.h: rows as bytes. A format is a file and a row of format.c; it has no state but what
 * stands in its writer, and the same rows are the same bytes. */
#ifndef DM_METERING_EXPORT_DATA_FORMAT_H
#define DM_METERING_EXPORT_DATA_FORMAT_H

#include "metering/export/data/set.h"
#include "metering/export/data/sink.h"

typedef struct dm_data_writer {
    const dm_data_set *set;
    dm_sink *sink;
    const char *folder; /* where a file without a name may be made */
    void *own;          /* the format's; begin makes it, end or drop frees it */
} dm_data_writer;

typedef struct dm_data_format {
    const char *name, *media;
    int (*begin)(dm_data_writer *w, dm_err *err);
    int (*row)(dm_data_writer *w, const dm_data_row *row, dm_err *err);
    int (*end)(dm_data_writer *w, dm_err *err);
    void (*drop)(dm_data_writer *w); /* after end too; NULL: there is nothing to free */
} dm_data_format;

extern const dm_data_format dm_data_csv, dm_data_jsonl, dm_data_parquet, dm_data_xlsx;

const dm_data_format *dm_data_format_find(dm_str name); /* NULL: there is none */
const dm_data_format *dm_data_format_at(size_t i);      /* NULL behind the last */

#endif
