/* tenants/plan/limits.h: the numbers that bind a project. Each is a row of tier_limit, account_limit or project_limit;
 * the project's wins over the account's, which wins over the tier's. A limit that nobody set is 0 and forbids. */
#ifndef DM_TENANTS_PLAN_LIMITS_H
#define DM_TENANTS_PLAN_LIMITS_H

#include "base/json.h"
#include "base/pg.h"

typedef struct dm_limits {
    int64_t vcpus_max;
    int64_t mem_mib_max;
    int64_t disk_mib_max;
    int64_t timeout_s_max;
    int64_t running_max;         /* sandboxes at once, of the project */
    int64_t asleep_disk_mib_max; /* what its sleepers take, of the project */
    int64_t account_running_max; /* and of the account: all its projects together */
} dm_limits;

/* From the two JSON objects that the database makes: the project's limits and its account's own. */
int dm_limits_read(dm_str project_json, dm_str account_json, dm_limits *out, dm_err *err) DM_NODISCARD;

/* Whether an operator may set a limit of this name; the list is the one that migrations begin with. */
bool dm_limit_known(dm_str name);

typedef enum dm_limit_of { DM_LIMIT_OF_PROJECT, DM_LIMIT_OF_ACCOUNT, DM_LIMIT_OF_TIER } dm_limit_of;

enum { DM_LIMIT_UNKNOWN = 1, DM_LIMIT_OF_NOBODY = 2 };

/* An operator's act (role dm_ops), in his transaction; writes its own line of the audit. which is a project's slug, an
 * account's id or a tier's name. DM_LIMIT_UNKNOWN: no limit is called so; DM_LIMIT_OF_NOBODY: nothing is called
 * `which`. */
int dm_limit_set(dm_pg *c, const char *who, dm_limit_of of, const char *which, const char *name, int64_t value,
        dm_err *err) DM_NODISCARD;

#endif
