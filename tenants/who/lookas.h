/* tenants/who/lookas.h: an operator looks as a tenant (impersonation): for a quarter of an hour he reads what the
 * people of an account may read, all of it and nothing else, and says why; the account's audit has the beginning and
 * the end. It lives no longer than the session he began it in, and is asked of the database at each request: what ends
 * is over at once, on every replica. Rows are in sql_lookas.c. */
#ifndef DM_TENANTS_WHO_LOOKAS_H
#define DM_TENANTS_WHO_LOOKAS_H

#include "tenants/who/caller.h"
#include "tenants/who/secret.h"

enum { DM_LOOKAS_S = 15 * 60, DM_LOOKAS_REASON = 4 * 500 + 1 };
enum { DM_LOOKAS_NONE = 1 };

typedef struct dm_lookas {
    char id[DM_UUID_TEXT];
    char account_id[DM_UUID_TEXT];
    char account_name[801];
    char who[64]; /* "operator:NAME" */
    char reason[DM_LOOKAS_REASON];
    int64_t until_us;
} dm_lookas;

/* --- what proves it: "ID.MAC", under a key derived from the deployment's master ----------------------------- */

enum { DM_LOOKAS_TEXT = DM_UUID_TEXT + 2 * DM_SHA256 + 1 };

int dm_lookas_text(const dm_master *m, const char *id, char out[DM_LOOKAS_TEXT], dm_err *err) DM_NODISCARD;
/* 0 or DM_LOOKAS_NONE: none of ours. */
int dm_lookas_text_read(const dm_master *m, dm_str text, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;

/* --- acts of an operator, as dm_ops, in his transaction ----------------------------------------------------- */

/* In place of the one that goes on in that session. DM_LOOKAS_NONE: no such account. */
int dm_lookas_begin(dm_pg *c, const char *who, const char *session, const char *account_id, const char *reason,
        dm_lookas *out, dm_err *err) DM_NODISCARD;
/* DM_LOOKAS_NONE: none goes on in that session. */
int dm_lookas_end(dm_pg *c, const char *session, dm_err *err) DM_NODISCARD;
int dm_lookas_current(dm_pg *c, const char *session, dm_lookas *out, dm_err *err) DM_NODISCARD;
/* Writes into the audits what ended by itself; each second, by any instance. */
int dm_lookas_over(dm_pg *c, dm_err *err) DM_NODISCARD;

/* --- what it sees, as dm_who, without a scope --------------------------------------------------------------- */

/* DM_LOOKAS_NONE: it does not go on. caller is what it is in all of the account, or in that project (project .n > 0);
 * owner.project 0 then: the account has none of that slug. Neither block nor hold binds who only looks. */
int dm_lookas_find(
        dm_pg *c, const char *id, dm_str project, dm_lookas *out, dm_caller *caller, dm_err *err) DM_NODISCARD;
/* Columns as of dm_mine_projects (mine.h), its role "look"; at most 1,000. The caller frees them. */
int dm_lookas_projects(dm_pg *c, const char *id, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
