/* metering/export/data/sql_deliver.h: what is to be put into buckets. Role dm_export, without a scope but where an
 * account's bucket is read. */
#ifndef DM_METERING_EXPORT_DATA_SQL_DELIVER_H
#define DM_METERING_EXPORT_DATA_SQL_DELIVER_H

#include "base/pg.h"

enum { DM_DELIVERY_NONE = 1 }; /* none is due; or the account has no bucket any more */
enum { DM_DELIVERY_DEAD_S = 30, DM_DELIVERY_TRIES = 10 };

typedef struct dm_delivery {
    int64_t account_no, export_no, tries;
} dm_delivery;

/* Takes the one that has been due the longest; until DM_DELIVERY_DEAD_S from now, or its next beat, nobody else does.
 */
int dm_sql_delivery_take(dm_pg *c, dm_delivery *out, dm_err *err) DM_NODISCARD;
int dm_sql_delivery_beat(dm_pg *c, const dm_delivery *d, dm_err *err) DM_NODISCARD;
int dm_sql_delivery_done(dm_pg *c, const dm_delivery *d, const char *object, dm_err *err) DM_NODISCARD;
/* again_s 0: it is not tried any more. */
int dm_sql_delivery_failed(
        dm_pg *c, const dm_delivery *d, const char *object, const char *why, int64_t again_s, dm_err *err) DM_NODISCARD;

/* In the account's scope: endpoint, region, bucket, prefix, key_id, sealed secret in hex; dataset, format, months
 * ("2026-03", "2026-03"), file, bytes, SHA-256 in hex, manifest. 0 or DM_DELIVERY_NONE. */
int dm_sql_delivery_what(dm_pg *c, const dm_delivery *d, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
