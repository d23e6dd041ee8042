/* metering/read/past.h: what a sandbox or a project used, as the meter kept it (metering/past): shown, never billed,
 * and by the minute, for the days that are kept. Runs where metering/read/read.h runs. Times are seconds of UTC. */
#ifndef DM_METERING_READ_PAST_H
#define DM_METERING_READ_PAST_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

enum { DM_PAST_POINTS_MAX = 1000, DM_PAST_STEP_S = 60 };

/* A step in which it ran. Figures of memory and disk are the mean over its minutes; of a project over all that ran. */
typedef struct dm_past_point {
    int64_t at;     /* its first second */
    int64_t run_s;  /* seconds of sandboxes that ran */
    int64_t cpu_cs; /* hundredths of a second of CPU */
    int64_t mem_mib, shared_mib, disk_mib;
    int64_t net_in_kib, net_out_kib;
} dm_past_point;

typedef struct dm_past_asked {
    const dm_sandbox_id *id; /* NULL: the project */
    int64_t from, to;        /* what is in [from, to) */
} dm_past_asked;

/* At most DM_PAST_POINTS_MAX into out, the oldest first. *step_s: how far they are apart where nothing is missing:
 * whole minutes, as few as there is room for. */
int dm_read_past(dm_pg *c, dm_owner owner, const dm_past_asked *asked, dm_past_point *out, size_t *n, int64_t *step_s,
        dm_err *err) DM_NODISCARD;

#endif
