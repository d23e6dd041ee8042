/* tenants/who/member.h: what a person is in a project or an account, kept like what a key is (auth.h): whoever hears of
 * a change (NOTIFY dm_keys) calls dm_members_forget. Thread-safe. */
#ifndef DM_TENANTS_WHO_MEMBER_H
#define DM_TENANTS_WHO_MEMBER_H

#include "base/clock.h"

#include "tenants/who/caller.h"

enum { DM_MEMBER_NONE = 1 }; /* he is nothing there, or there is no such thing */

typedef struct dm_members dm_members;

/* pool (role dm_who) and clock are borrowed. An answer is used for at most keep_ms, and no longer than its
 * limits hold. */
int dm_members_new(
        dm_pg_pool *pool, const dm_clock *clock, unsigned keep_ms, dm_members **out, dm_err *err) DM_NODISCARD;
void dm_members_free(dm_members *m);
DM_DEFINE_FREEP(dm_members)

/* 0 or DM_MEMBER_NONE. Who he is called in the audit is the caller's to fill. */
int dm_members_of_project(dm_members *m, dm_person_no person, dm_str slug, dm_caller *out, dm_err *err) DM_NODISCARD;
int dm_members_of_account(
        dm_members *m, dm_person_no person, dm_str account_id, dm_caller *out, dm_err *err) DM_NODISCARD;
void dm_members_forget(dm_members *m);

#endif
