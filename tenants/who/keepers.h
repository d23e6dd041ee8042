/* tenants/who/keepers.h: who is told of what is about to happen to a project: its owners and admins, and those of its
 * account; of an account (project 0) its own. As dm_api or dm_ops, in the scope of that account. */
#ifndef DM_TENANTS_WHO_KEEPERS_H
#define DM_TENANTS_WHO_KEEPERS_H

#include "tenants/limits.h"
#include "tenants/who/caller.h"

typedef struct dm_keepers_letter {
    const char *cause; /* of at most 100 bytes; with who it is for, it makes each of them one that is sent once */
    const char *subject, *body;
    bool money; /* whoever sees its bills is told, too */
} dm_keepers_letter;

/* A letter to each of them, at most DM_MEMBERS_SHOWN; *letters: to how many. */
int dm_keepers_tell(
        dm_pg *c, dm_owner owner, const dm_keepers_letter *letter, int64_t *letters, dm_err *err) DM_NODISCARD;

#endif
