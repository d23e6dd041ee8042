/* api/dm/alert.h: an alert as our own surface shows it. */
#ifndef DM_API_DM_ALERT_H
#define DM_API_DM_ALERT_H

#include "base/json.h"

#include "tenants/plan/alerts.h"

void dm_write_alert(dm_jw *w, const dm_alert *a);

#endif
