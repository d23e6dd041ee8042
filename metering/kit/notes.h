/* metering/kit/notes.h: a list of anomalies goes into the database with whatever else its transaction writes, and is
 * counted when that has been committed: a transaction that is tried again counts once. */
#ifndef DM_METERING_KIT_NOTES_H
#define DM_METERING_KIT_NOTES_H

#include "base/metrics.h"
#include "base/pg.h"

#include "metering/rules/anomaly.h"

/* Writes what is noted, and one more that says how many were dropped; clears nothing. Inside a transaction. */
int dm_notes_put(dm_pg *c, const dm_anomalies *list, dm_err *err) DM_NODISCARD;
void dm_notes_count(dm_metrics *m, const dm_anomalies *list); /* m may be NULL */

#endif
