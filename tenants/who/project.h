/* tenants/who/project.h: what E2B calls a team: it holds keys, limits and sandboxes. Acts for an operator (role
 * dm_ops), in the caller's transaction; one that changes something writes its own line of the audit. */
#ifndef DM_TENANTS_WHO_PROJECT_H
#define DM_TENANTS_WHO_PROJECT_H

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

typedef struct dm_project {
    dm_owner owner;
    char id[DM_UUID_TEXT], account_id[DM_UUID_TEXT];
} dm_project;

enum { DM_PROJECT_NONE = 1 };

/* 0 or DM_PROJECT_NONE. */
int dm_project_find(dm_pg *c, const char *slug, dm_project *out, dm_err *err) DM_NODISCARD;

/* The same by its slug or its id. */
int dm_project_find_either(dm_pg *c, dm_str which, dm_project *out, dm_err *err) DM_NODISCARD;

/* DM_PROJECT_NONE: there is no such account, or no such region. A slug that is taken is DM_E_EXISTS, one that cannot be
 * a slug DM_E_INVALID. */
int dm_project_add(dm_pg *c, const char *who, const char *account_id, const char *slug, const char *name,
        const char *region, dm_project *out, dm_err *err) DM_NODISCARD;

#endif
