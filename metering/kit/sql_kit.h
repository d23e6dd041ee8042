/* metering/kit/sql_kit.h: statements that both sides of the meter run: attestations (a worker's as they come, the
 * service's where a worker could not), anomalies, and the outbox. Each runs inside a transaction of role dm_meter.
 * Times are seconds of UTC. */
#ifndef DM_METERING_KIT_SQL_KIT_H
#define DM_METERING_KIT_SQL_KIT_H

#include "base/crypto.h"
#include "base/pg.h"
#include "base/wire/attest.h"

#include "metering/kit/many.h"
#include "metering/rules/anomaly.h"

/* Attestations: m is for dm_sql_attest_add and then dm_many_flush. A repetition is nothing. What is new of a period
 * before the second late_before is kept as late, an anomaly, and owed a look (dm.late). */
void dm_sql_attests(dm_many *m, dm_pg *c, int64_t late_before, bool by_service);
int dm_sql_attest_add(dm_many *m, const dm_attest *a, dm_str message, const dm_digest *hash, dm_err *err) DM_NODISCARD;

/* Unless one of this kind with these words is there. */
int dm_sql_anomaly_once(dm_pg *c, const dm_anomaly *a, dm_err *err) DM_NODISCARD;
int dm_sql_anomaly_add(dm_pg *c, const dm_anomaly *a, dm_err *err) DM_NODISCARD;

/* The meter's word that it is there, for operators; in place of the one before. */
typedef struct dm_beat {
    const char *owner, *version;
    int64_t started_us, lag_frames, lag_attestations;
} dm_beat;
int dm_sql_beat(dm_pg *c, const dm_beat *b, dm_err *err) DM_NODISCARD;

int dm_sql_outbox_add(dm_pg *c, const char *topic, dm_str key, dm_str json, dm_err *err) DM_NODISCARD;

#endif
