/* metering/export/data/deliver.h: a scheduled export into the bucket that its account has named: the file, then beside
 * it its manifest, so that who sees a manifest has all of the file. It may die anywhere: a row that nobody moves on is
 * taken again, and what is put twice is the same object. */
#ifndef DM_METERING_EXPORT_DATA_DELIVER_H
#define DM_METERING_EXPORT_DATA_DELIVER_H

#include "metering/export/data/job.h"

/* The next one that is due. 0, also where it failed, which its row says; DM_JOB_IDLE. A failure is the database's. */
int dm_deliver_next(dm_hand *h, dm_err *err) DM_NODISCARD;

#endif
