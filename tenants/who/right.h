/* tenants/who/right.h: what somebody may be allowed to do. */
#ifndef DM_TENANTS_WHO_RIGHT_H
#define DM_TENANTS_WHO_RIGHT_H

#include "base/str.h"

typedef enum dm_right {
    DM_RIGHT_NONE, /* none is needed */
#define RIGHT(name, text) DM_RIGHT_##name,
#include "tenants/who/rights.def"
#undef RIGHT
    DM_RIGHTS
} dm_right;

typedef uint64_t dm_rights; /* a set: bit i is right i */

static inline DM_UNUSED bool dm_may(dm_rights rights, dm_right right)
{
    return right == DM_RIGHT_NONE || (rights >> right & 1) != 0;
}

/* "sandbox.kill"; "" for DM_RIGHT_NONE. */
const char *dm_right_name(dm_right right);
/* Those of an API key: all that a project's work needs. */
dm_rights dm_rights_of_key(void);

#endif
