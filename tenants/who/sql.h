/* tenants/who/sql.h: the statements of this room that its other files call. Whoever calls has opened the transaction
 * and set its scope. */
#ifndef DM_TENANTS_WHO_SQL_H
#define DM_TENANTS_WHO_SQL_H

#include "base/crypto.h"

#include "tenants/who/caller.h"

enum { DM_SQL_NOBODY = 1 }; /* no such key or project, or he is nothing there */

/* *left_us: how long the key is valid still. */
int dm_sql_caller_of_key(dm_pg *c, const dm_digest *digest, dm_caller *out, int64_t *left_us, dm_err *err) DM_NODISCARD;
int dm_sql_caller_of_project(dm_pg *c, dm_owner owner, dm_caller *out, dm_err *err) DM_NODISCARD;
/* What is in the first 18 columns of all that find one (sql_caller.c has their order), from row 0. */
int dm_sql_caller_read(const dm_pg_rows *rows, dm_caller *out, dm_err *err) DM_NODISCARD;
/* As dm_who: what a person is in a project, by its slug, and in all of an account, by its id: owner, standing, limits,
 * rights of all his roles there, person; who he is called is the caller's to fill. */
int dm_sql_caller_of_member(dm_pg *c, dm_person_no person, dm_str slug, dm_caller *out, dm_err *err) DM_NODISCARD;
int dm_sql_caller_of_account_member(
        dm_pg *c, dm_person_no person, dm_str account_id, dm_caller *out, dm_err *err) DM_NODISCARD;

/* Whether a tier has prices in a currency: now, for whatever comes, and in each region that the account (0: none) has a
 * project in. */
int dm_sql_priced(dm_pg *c, dm_str tier, dm_str currency, dm_account_no account, bool *out, dm_err *err) DM_NODISCARD;

#endif
