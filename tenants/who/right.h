/* tenants/who/right.h: what somebody may be allowed to do, and which of it each kind of somebody may. */
#ifndef DM_TENANTS_WHO_RIGHT_H
#define DM_TENANTS_WHO_RIGHT_H

#include "base/str.h"

typedef enum dm_right {
    DM_RIGHT_NONE, /* none is needed */
#define RIGHT(name, text, who) DM_RIGHT_##name,
#include "tenants/who/rights.def"
#undef RIGHT
    DM_RIGHTS
} dm_right;

typedef uint64_t dm_rights; /* a set: bit i is right i */

static inline DM_UNUSED bool dm_may(dm_rights rights, dm_right right)
{
    return right == DM_RIGHT_NONE || (rights >> right & 1) != 0;
}

/* Names joined by commas, and back: unknown ones give nothing. */
enum { DM_RIGHTS_TEXT = 512 };
void dm_rights_names(dm_rights rights, char out[DM_RIGHTS_TEXT]);
dm_rights dm_rights_named(dm_str list);

/* "sandbox.kill"; "" for DM_RIGHT_NONE. */
const char *dm_right_name(dm_right right);
/* DM_RIGHT_NONE: no right is called so. */
dm_right dm_right_named(dm_str name);

typedef enum dm_role {
    DM_ROLE_VIEWER,
    DM_ROLE_DEVELOPER,
    DM_ROLE_BILLING,
    DM_ROLE_ADMIN,
    DM_ROLE_OWNER,
    DM_ROLE_KEY,      /* an API key: all that a project's work needs */
    DM_ROLE_OPERATOR, /* nobody's member */
    DM_ROLE_LOOK,     /* an operator who looks as a tenant (lookas.h): all that is read */
    DM_ROLES
} dm_role;

dm_rights dm_rights_of(dm_role role);
/* "viewer". */
const char *dm_role_name(dm_role role);
/* One of those that a member may have, up to the owner; DM_ROLES: none is called so. */
dm_role dm_role_named(dm_str name);

#endif
