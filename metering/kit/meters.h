/* metering/kit/meters.h: what dormouse-meter counts about itself, in one table. */
#ifndef DM_METERING_KIT_METERS_H
#define DM_METERING_KIT_METERS_H

#include "base/metrics.h"

extern const dm_metric dm_m_frames; /* by outcome: new, seen, late, rejected */
extern const dm_metric dm_m_samples;
extern const dm_metric dm_m_attests; /* by outcome */
extern const dm_metric dm_m_office;  /* 1: this meter holds it */
extern const dm_metric dm_m_lag;     /* messages not yet read, by topic */
extern const dm_metric dm_m_flush;
extern const dm_metric dm_m_chunks;
extern const dm_metric dm_m_rows;    /* of usage in memory */
extern const dm_metric dm_m_periods; /* written */
extern const dm_metric dm_m_open_from;
extern const dm_metric dm_m_statements;
extern const dm_metric dm_m_close;     /* how long a period took to be written */
extern const dm_metric dm_m_anomalies; /* by kind */
extern const dm_metric dm_m_checks;    /* reconciliations, by verdict */
extern const dm_metric dm_m_chores;    /* how long each took */
extern const dm_metric dm_m_chores_failed;
extern const dm_metric dm_m_outbox; /* rows sent */
extern const dm_metric dm_m_live;   /* how long a round of the live view took */
extern const dm_metric dm_m_live_failed;

#endif
