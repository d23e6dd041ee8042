/* tenants/sandbox/series.h: how a project went, a number a minute or an hour: sandboxes created, ended by a fault of
 * ours, refusals, and how many ran. Written once when a minute is over, from what was created and has ended in it and
 * what quota_use says that runs; so a reading costs its points and nothing more. Of a minute that goes on nothing is
 * told. */
#ifndef DM_TENANTS_SANDBOX_SERIES_H
#define DM_TENANTS_SANDBOX_SERIES_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_SERIES_MINUTE_S = 60, DM_SERIES_HOUR_S = 3600 };
enum {
    DM_SERIES_MINUTES = 120, /* that are kept, */
    DM_SERIES_HOURS = 31 * 24,
    DM_SERIES_MAX = 31 * 24 /* points of one reading */
};

/* Role dm_ops, each few seconds, by any number of instances: the minutes that were over margin_s ago, and the hours
 * that are over with them; forgets what is too old. Of what nobody wrote for long the last hour is written. *written:
 * how many minutes. */
int dm_series_write(dm_pg *c, int64_t margin_s, int64_t *written, dm_err *err) DM_NODISCARD;

typedef struct dm_series_point {
    int64_t at_s;
    bool looked; /* else nobody knows what ran */
    int64_t created, failed, refused, running;
} dm_series_point;

/* In the project's scope: the newest `most` of that step that are written, the oldest first. */
int dm_series_read(dm_pg *c, dm_owner owner, int64_t step_s, size_t most, dm_series_point *out, size_t *n,
        dm_err *err) DM_NODISCARD;

#endif
