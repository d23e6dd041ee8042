/* tenants/admin/demo.h: what a fresh deployment begins with: account, project `demo`, a key, the public template
 * `base`. Makes what is missing and touches nothing that is there: `ops/dormouse up` runs it each time. */
#ifndef DM_TENANTS_ADMIN_DEMO_H
#define DM_TENANTS_ADMIN_DEMO_H

#include "tenants/sandbox/template.h"
#include "tenants/who/key.h"
#include "tenants/who/project.h"

typedef struct dm_demo {
    const char *tier, *currency; /* of the account when it is made */
    dm_build_spec base;          /* what `base` is made of */
    const char *key_file;        /* holds the key, and is asked for it again; NULL: a new key each time */
} dm_demo;

typedef struct dm_demo_made {
    dm_project project;
    dm_key_made key; /* whoever gets it wipes it */
} dm_demo_made;

/* A transaction of its own (role dm_ops), then the key file. DM_E_INVALID: no spec covers the size, or no tier is
 * called so. */
int dm_demo_make(dm_pg *c, const char *who, const dm_demo *want, dm_demo_made *out, dm_err *err) DM_NODISCARD;

#endif
