/* tenants/sandbox/history.h: how many sandboxes of a project ran, and how many were started, in a while that is over:
 * out of their events, and counted back from what runs now. One reading looks at no more than DM_HISTORY_CHANGES_MAX
 * events: where there are more, what is older than they are is told by the hour (series.h). */
#ifndef DM_TENANTS_SANDBOX_HISTORY_H
#define DM_TENANTS_SANDBOX_HISTORY_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_HISTORY_POINTS_MAX = 1000, DM_HISTORY_CHANGES_MAX = 50000 };

typedef struct dm_history {
    int64_t start_s, step_s; /* of UTC; a point is step_s long, at least 1 */
    int64_t points;          /* 1 to DM_HISTORY_POINTS_MAX */
} dm_history;

typedef struct dm_history_point {
    int64_t running; /* the most at any moment of it */
    int64_t started;
} dm_history_point;

/* In a transaction of owner's scope. out has room for h->points. */
int dm_history_read(dm_pg *c, dm_owner owner, const dm_history *h, dm_history_point *out, dm_err *err) DM_NODISCARD;

#endif
