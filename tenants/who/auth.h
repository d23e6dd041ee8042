/* tenants/who/auth.h: who bears a key. Answers come from the database and are kept for a few seconds in a table of
 * fixed size; whoever hears of a change (NOTIFY dm_keys) calls dm_auth_forget, and nothing older is used again.
 * Thread-safe. */
#ifndef DM_TENANTS_WHO_AUTH_H
#define DM_TENANTS_WHO_AUTH_H

#include "base/clock.h"

#include "tenants/who/caller.h"

enum { DM_AUTH_UNKNOWN = 1 }; /* no such key, or revoked, or not a key */

typedef struct dm_auth dm_auth;

/* pool (role dm_api) and clock are borrowed. An answer is used for at most keep_ms, and no longer than the key is valid
 * and its limits hold.
 */
int dm_auth_new(dm_pg_pool *pool, const dm_clock *clock, unsigned keep_ms, dm_auth **out, dm_err *err) DM_NODISCARD;
void dm_auth_free(dm_auth *a);
DM_DEFINE_FREEP(dm_auth)

/* 0 or DM_AUTH_UNKNOWN. */
int dm_auth_find(dm_auth *a, dm_str key, dm_caller *out, dm_err *err) DM_NODISCARD;
void dm_auth_forget(dm_auth *a);
/* Whether somebody came with this key lately and was let in, by memory alone: it says nothing of now. */
bool dm_auth_met(dm_auth *a, dm_str key);
/* The same, and of which project it was. */
bool dm_auth_met_of(dm_auth *a, dm_str key, dm_project_no *out);

/* What binds a project when no key is there (the door wakes a sleeper): blocked, banned, tier and limits are filled,
 * owner is the caller's word. In a transaction of that scope. */
int dm_auth_of_project(dm_pg *c, dm_owner owner, dm_caller *out, dm_err *err) DM_NODISCARD;

/* The limits that bind the caller now. He may have stood in line, and a limit of his have ended meanwhile: then they
 * are read again, in this transaction of his scope. */
int dm_auth_limits(dm_pg *c, const dm_caller *caller, int64_t now_mono_us, dm_limits *out, dm_err *err) DM_NODISCARD;

#endif
