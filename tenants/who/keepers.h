/* tenants/who/keepers.h: who is told of what is about to happen to a project: its owners and admins, and those of its
 * account. As dm_api or dm_ops, in the scope of that account. */
#ifndef DM_TENANTS_WHO_KEEPERS_H
#define DM_TENANTS_WHO_KEEPERS_H

#include "tenants/limits.h"
#include "tenants/who/caller.h"

typedef struct dm_keeper {
    dm_str id, email; /* borrowed from the rows */
} dm_keeper;

/* Each of them once, at most DM_MEMBERS_SHOWN. The caller frees rows. */
int dm_keepers(dm_pg *c, dm_owner owner, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
dm_keeper dm_keeper_read(const dm_pg_rows *rows, size_t i);

#endif
