/* tenants/fleet/health.h: what an operator looks at first, as far as the database knows it: the same from each instance
 * of the API. As dm_ops, in one transaction; each count stops at DM_HEALTH_MOST, so that a look costs the same in bad
 * times (sql_health.c). */
#ifndef DM_TENANTS_FLEET_HEALTH_H
#define DM_TENANTS_FLEET_HEALTH_H

#include "base/pg.h"

enum { DM_HEALTH_MOST = 10000 };

typedef struct dm_health {
    int64_t schema; /* the last migration */
    /* Hosts; late and refusing are of those that are active or draining. */
    int64_t active, draining, written_off, late, refusing;
    int64_t running, asleep; /* as the workers say */
    /* Letters that wait, and those that were given up in a day; messages of the meter that wait. */
    int64_t letters, letters_gave_up, outbox;
} dm_health;

int dm_health_read(dm_pg *c, int64_t lease_s, dm_health *out, dm_err *err) DM_NODISCARD;

/* Column: the number of an instance of the API that lives, by its lock. At most 1,000. The caller frees rows. */
int dm_health_instances(dm_pg *c, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
/* Columns: a version of the worker's program ("" : it has not said), and how many hosts have it that are not written
 * off. At most 100. */
int dm_health_versions(dm_pg *c, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;

#endif
