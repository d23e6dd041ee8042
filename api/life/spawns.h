/* api/life/spawns.h: how often a template was used, gathered here and written now and then: a counter that each create
 * wrote by itself would make all creates of one template stand in one line. What is gathered and not yet written is
 * lost with the process: it is shown, never billed. Thread-safe. */
#ifndef DM_API_LIFE_SPAWNS_H
#define DM_API_LIFE_SPAWNS_H

#include "base/pg.h"
#include "base/wire/id.h"

#include "api/limits.h"

typedef struct dm_spawns dm_spawns;

int dm_spawns_new(dm_spawns **out, dm_err *err) DM_NODISCARD;
void dm_spawns_free(dm_spawns *s);
/* Past DM_SPAWNS_MAX templates between two writes, the rest is not counted. */
void dm_spawns_add(dm_spawns *s, dm_str template_id, int64_t at_us);
/* Role dm_ops, a transaction of its own. */
int dm_spawns_write(dm_spawns *s, dm_pg_pool *ops, dm_err *err) DM_NODISCARD;

#endif
