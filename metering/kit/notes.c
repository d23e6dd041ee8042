#include "metering/kit/notes.h"

#include "metering/kit/meters.h"
#include "metering/kit/sql_kit.h"

int dm_notes_put(dm_pg *c, const dm_anomalies *list, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < list->n; i++)
        r = dm_sql_anomaly_add(c, &list->v[i], err);
    if (r == 0 && list->dropped > 0) {
        dm_anomaly more = {.kind = DM_ANOMALY_MALFORMED,
                .period_start = -1,
                .count = list->dropped,
                .detail = "more anomalies than could be noted one by one"};
        r = dm_sql_anomaly_add(c, &more, err);
    }
    return r;
}

void dm_notes_count(dm_metrics *m, const dm_anomalies *list)
{
    for (size_t i = 0; i < list->n; i++)
        dm_metric_add(m, &dm_m_anomalies, list->v[i].kind, (int64_t)list->v[i].count);
}
