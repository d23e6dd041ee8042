/* tenants/plan/limits.h: the numbers that bind a project. Each is a row of tier_limit, account_limit or project_limit;
 * the project's wins over the account's, which wins over the tier's. A limit that nobody set is 0 and forbids. What an
 * account or a project has of its own, an override, says who set it and why, and may say until when it holds. */
#ifndef DM_TENANTS_PLAN_LIMITS_H
#define DM_TENANTS_PLAN_LIMITS_H

#include "base/json.h"
#include "base/pg.h"
#include "base/wire/number.h"

/* Of all that runs. */
typedef struct dm_limit_totals {
    int64_t running_max;
    int64_t vcpus_total_max;
    int64_t mem_mib_total_max;
} dm_limit_totals;

typedef struct dm_limits {
    int64_t vcpus_max;
    int64_t mem_mib_max;
    int64_t disk_mib_max;
    int64_t timeout_s_max;
    int64_t asleep_disk_mib_max;             /* what its sleepers take, of the project */
    int64_t snapshots_max, snapshot_mib_max; /* of the project: how many, and what they take */
    int64_t create_rate, request_rate;       /* a second */
    dm_limit_totals at_once, account;        /* of the project, and of all projects of its account together */
    bool budgeted; /* a month's seconds or what they cost are bounded, of either, or a wallet pays
                      (budget.h) */
} dm_limits;

/* From the two JSON objects that the database makes: the project's limits and its account's own. */
int dm_limits_read(dm_str project_json, dm_str account_json, dm_limits *out, dm_err *err) DM_NODISCARD;

/* --- the list of them (limits.def) -------------------------------------------------------------------------- */

typedef enum dm_limit_binds { DM_LIMIT_BINDS_PROJECT, DM_LIMIT_BINDS_BOTH, DM_LIMIT_BINDS_ACCOUNT } dm_limit_binds;

typedef struct dm_limit_row {
    const char *name;
    dm_limit_binds binds;
    bool counted;     /* somebody counts what is used of it */
    bool money;       /* a budget or an allowance */
    const char *rule; /* by which it refuses; "": it refuses nothing by itself */
    const char *words;
} dm_limit_row;

/* NULL: no limit is called so. */
const dm_limit_row *dm_limit_named(dm_str name);

/* --- an operator's acts (role dm_ops, in his transaction) --------------------------------------------------- */

typedef enum dm_limit_of { DM_LIMIT_OF_PROJECT, DM_LIMIT_OF_ACCOUNT, DM_LIMIT_OF_TIER } dm_limit_of;

enum { DM_LIMIT_UNKNOWN = 1, DM_LIMIT_OF_NOBODY = 2, DM_LIMIT_NO_UNTIL = 3 };

typedef struct dm_limit_new {
    const char *who;
    dm_limit_of of;
    const char *which; /* a project's slug, an account's id or a tier's name */
    const char *name;
    int64_t value;
    const char *reason; /* NULL: none is given */
    int64_t until_us;   /* 0: until it is set again */
} dm_limit_new;

/* Writes its own line of the audit. DM_LIMIT_UNKNOWN: no limit is called so; DM_LIMIT_OF_NOBODY: nothing is called
 * `which`; DM_LIMIT_NO_UNTIL: a tier's limit, and an allowance, holds until it is set again. */
int dm_limit_set(dm_pg *c, const dm_limit_new *fresh, dm_err *err) DM_NODISCARD;

/* --- reading ------------------------------------------------------------------------------------------------ */

typedef struct dm_limit_is {
    const dm_limit_row *row;
    bool account;          /* of all projects of the account together */
    int64_t limit, used;   /* used: where it is counted */
    int64_t denied_24h;    /* what was refused by its rule */
    dm_limit_of of;        /* whose row sets it */
    dm_str set_by, reason; /* of an override */
    int64_t until_us;      /* 0: none */
} dm_limit_is;

enum { DM_LIMITS_MAX = 64 };

/* Every limit of a project that has a value, by name, the account's after the project's: in the scope of the owner, or
 * as dm_ops. The caller: dm_limit_list_done. */
typedef struct dm_limit_list {
    size_t n;
    dm_limit_is of[DM_LIMITS_MAX];
    dm_pg_rows *rows; /* what the strings point into */
} dm_limit_list;

int dm_limit_list_read(dm_pg *c, dm_owner owner, dm_limit_list *out, dm_err *err) DM_NODISCARD;
void dm_limit_list_done(dm_limit_list *l);

#endif
