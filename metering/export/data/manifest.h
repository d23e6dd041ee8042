/* metering/export/data/manifest.h: what a file is, for whoever takes it in: one line of JSON, members in the order of
 * their names:
 *
 * {"account": uuid, or, of all accounts of a legal entity, "entity": number,
 *  "columns": [{"name", "precision", "required", "scale", "type": "text" | "int" | "time" | "decimal"}],
 *  "dataset": name, "documents": [{"amount": money, "number", "rows": how many, "total": money | null,
 *     "whole": whether all that it is of is in the range}],
 *  "file": {"bytes", "format", "sha256"}, "from": time, "rows": how many,
 *  "sums": [{"amount": money, "currency", "rows"}], "to": time, "version": 1}
 *
 * precision and scale are null where the type is no decimal. A document that is whole has amount = total; where rows
 * are of no documents, these are other totals that they have to come to, by name (entity.h, usage.h). */
#ifndef DM_METERING_EXPORT_DATA_MANIFEST_H
#define DM_METERING_EXPORT_DATA_MANIFEST_H

#include "base/crypto.h"

#include "metering/export/data/sums.h"

typedef struct dm_manifest {
    const char *account, *format; /* account NULL: the range is a legal entity's */
    const dm_data_set *set;
    const dm_data_range *range;
    const dm_sums *sums;
    uint64_t bytes;
    dm_digest digest;
} dm_manifest;

int dm_manifest_write(const dm_manifest *m, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
