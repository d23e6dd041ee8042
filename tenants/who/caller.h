/* tenants/who/caller.h: on whose behalf an act is done, and what binds him. A value: copied, kept, compared by nobody.
 */
#ifndef DM_TENANTS_WHO_CALLER_H
#define DM_TENANTS_WHO_CALLER_H

#include <stdio.h>

#include "base/pg.h"
#include "base/wire/id.h"
#include "base/wire/number.h"

#include "tenants/plan/limits.h"
#include "tenants/who/right.h"

typedef struct dm_caller {
    dm_owner owner; /* {0}: nobody; project 0: all of the account */
    dm_key_no key;  /* one of these three, or none */
    dm_person_no person;
    dm_operator_no operator_;
    char key_id[DM_UUID_TEXT];
    char account_id[DM_UUID_TEXT];
    char project_id[DM_UUID_TEXT];
    char slug[65];
    char tier[32];
    char currency[4];
    int64_t region_no;
    char region[64];
    char blocked[128]; /* why it may not create; "" : it may */
    bool banned;
    char held[32]; /* the cause that keeps it from running, a name of base/wire/cause; "": none */
    dm_limits limits;
    int64_t limits_left_us;  /* they hold for so long after they were read; INT64_MAX: none of them ends by itself */
    int64_t limits_until_us; /* the same on the monotonic clock, where a key's look-up was kept (auth.h) */
    dm_rights rights;
    char who[64]; /* for history and audit: "key:UUID", "person:UUID", "operator:NAME", "door" */
} dm_caller;

/* What row-level security lets a transaction of owner's see. */
static inline DM_UNUSED dm_pg_scope dm_scope_of(dm_owner owner)
{
    return (dm_pg_scope){.account_no = owner.account.v, .project_no = owner.project.v};
}

/* An operator at his own door: he may give whatever there is. who: "operator:NAME"; owner: what he acts in. */
static inline DM_UNUSED dm_caller dm_caller_of_operator(const char *who, dm_owner owner)
{
    dm_caller c = {.owner = owner, .rights = ~UINT64_C(0)};
    (void)snprintf(c.who, sizeof c.who, "%s", who);
    return c;
}

/* Whether the path's project is the caller's: its slug or its id. */
static inline DM_UNUSED bool dm_is_project(const dm_caller *c, dm_str which)
{
    return c->owner.project.v != 0 && (dm_str_eq_c(which, c->slug) || dm_str_eq_c(which, c->project_id));
}

#endif
