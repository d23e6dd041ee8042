/* tenants/who/auth.h: who bears a key. Answers come from the database and are kept for a few seconds in a table of
 * fixed size; whoever hears of a change (NOTIFY dm_keys) calls dm_auth_forget, and nothing older is used again.
 * Thread-safe. */
#ifndef DM_TENANTS_AUTH_H
#define DM_TENANTS_AUTH_H

#include "base/clock.h"
#include "base/pg.h"
#include "base/wire/id.h"

#include "tenants/plan/limits.h"
#include "tenants/who/key.h"

enum { DM_AUTH_UNKNOWN = 1 }; /* no such key, or revoked, or not a key */

typedef struct dm_caller {
    int64_t account_no;
    int64_t project_no;
    int64_t key_no;
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
    dm_limits limits;
} dm_caller;

typedef struct dm_auth dm_auth;

/* pool (role dm_api) and clock are borrowed. An answer is used for at most keep_ms. */
int dm_auth_new(dm_pg_pool *pool, const dm_clock *clock, unsigned keep_ms, dm_auth **out, dm_err *err) DM_NODISCARD;
void dm_auth_free(dm_auth *a);
DM_DEFINE_FREEP(dm_auth)

/* 0 or DM_AUTH_UNKNOWN. */
int dm_auth_find(dm_auth *a, dm_str key, dm_caller *out, dm_err *err) DM_NODISCARD;
void dm_auth_forget(dm_auth *a);

/* What binds a project when no key is there (the door wakes a sleeper): blocked, banned, tier and limits are filled,
 * account_no and project_no are the caller's word. In a transaction of that scope. */
int dm_auth_of_project(dm_pg *c, int64_t account_no, int64_t project_no, dm_caller *out, dm_err *err) DM_NODISCARD;

#endif
