/* workers/guest/who/metrics.h: load, memory and disk as the kernel of the sandbox sees them: shown, never billed. */
#ifndef DM_WORKERS_GUEST_WHO_METRICS_H
#define DM_WORKERS_GUEST_WHO_METRICS_H

#include "base/clock.h"
#include "base/json.h"

/* Where the processor counters stood at the last look. */
typedef struct dm_cpu_mark {
    uint64_t busy, total;
} dm_cpu_mark;

typedef struct dm_metrics_now {
    int64_t ts; /* unix seconds */
    unsigned cpus;
    uint32_t cpu_hundredths; /* of a percent, since the mark */
    uint64_t mem_total, mem_used, mem_cache;
    uint64_t disk_total, disk_used; /* of the root file system */
} dm_metrics_now;

/* Reads all of it and moves the mark. What cannot be read is 0. */
void dm_metrics_read(dm_cpu_mark *mark, int64_t wall_us, dm_metrics_now *out);

/* The members of GET /metrics, without the braces. */
void dm_metrics_write(dm_jw *w, const dm_metrics_now *m);

/* Parsers, for tests. */
void dm_metrics_parse_stat(dm_str text, dm_cpu_mark *out);
void dm_metrics_parse_meminfo(dm_str text, dm_metrics_now *out);

#endif
