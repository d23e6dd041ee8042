/* base/metrics.h: counters, gauges and histograms in Prometheus text. A family is declared once from a static table;
 * each is a plain number or has one label of at most 64 values. Updating is an atomic add; any thread. */
#ifndef DM_BASE_METRICS_H
#define DM_BASE_METRICS_H

#include "base/buf.h"

enum dm_metric_type { DM_COUNTER, DM_GAUGE, DM_HISTOGRAM }; /* a histogram takes microseconds, prints seconds */

typedef struct dm_metric {
    const char *name; /* "dm_http_requests_total" */
    enum dm_metric_type type;
    const char *label; /* NULL: none */
    const char *help;
} dm_metric;

typedef struct dm_metrics dm_metrics;

int dm_metrics_new(dm_metrics **out, dm_err *err) DM_NODISCARD;
void dm_metrics_free(dm_metrics *m);
DM_DEFINE_FREEP(dm_metrics)

/* m may be NULL: nothing happens. value NULL for a family without label. Past 64 label values all go to "other". */
void dm_metric_add(dm_metrics *m, const dm_metric *family, const char *value, int64_t by);
void dm_metric_set(dm_metrics *m, const dm_metric *family, const char *value, int64_t to);
void dm_metric_time(dm_metrics *m, const dm_metric *family, const char *value, int64_t us);

/* The exposition text, families sorted by name. */
int dm_metrics_print(dm_metrics *m, dm_buf *out, dm_err *err) DM_NODISCARD;

#endif
