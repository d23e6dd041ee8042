/* tenants/who/access.h: access tokens: "sk_e2b_" and hex digits, which stand for a person on the few routes where E2B's
 * clients send one. Kept as the SHA-256 of the decoded bytes, and a mask. Rows are their person's (role dm_who, in his
 * scope). */
#ifndef DM_TENANTS_WHO_ACCESS_H
#define DM_TENANTS_WHO_ACCESS_H

#include "tenants/who/key.h"

enum { DM_ACCESS_BYTES = 20, DM_ACCESS_TEXT = 7 + 2 * DM_ACCESS_BYTES + 1, DM_ACCESS_MASK = 20 };

/* Whoever gets it wipes it: its text is known at this moment alone. */
typedef struct dm_access_made {
    char token[DM_ACCESS_TEXT];
    char mask[DM_ACCESS_MASK];
    char id[DM_UUID_TEXT];
    int64_t created_us;
} dm_access_made;

enum { DM_ACCESS_NONE = 1, DM_ACCESS_FULL = 2 /* DM_TOKENS_MAX are valid */ };

/* Acts of a person (by->person) on what is his alone: no account's audit has them. name is one that dm_name_ok takes.
 */
int dm_access_add(dm_pg *c, const dm_caller *by, dm_str name, dm_access_made *out, dm_err *err) DM_NODISCARD;
/* Its keys end with it. */
int dm_access_revoke(dm_pg *c, const dm_caller *by, const char *id, dm_err *err) DM_NODISCARD;

/* The same, of the token that one shows. */
int dm_access_end(dm_pg *c, const dm_caller *by, int64_t token_no, dm_err *err) DM_NODISCARD;

typedef struct dm_access_row {
    dm_str id, name, mask;
    int64_t created_us;
} dm_access_row;

/* Those that are valid, newest first: at most DM_TOKENS_MAX. */
int dm_access_list(dm_pg *c, const dm_caller *by, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_access_row_read(const dm_pg_rows *rows, size_t row, dm_access_row *out);

/* Whose a token is: person, and who he is called; nothing else of out is set but SELF. *token_no is its own number. No
 * scope is needed. 0, or DM_ACCESS_NONE. */
int dm_access_find(dm_pg *c, dm_str token, dm_caller *out, int64_t *token_no, dm_err *err) DM_NODISCARD;
/* What a person is in a project, by its slug or id; by the one he came to first where which is empty. 0 or
 * DM_ACCESS_NONE. */
int dm_access_project(dm_pg *c, const dm_caller *person, dm_str which, dm_caller *out, dm_err *err) DM_NODISCARD;

/* The projects in which a person is something, the one he came to first in front. */
enum { DM_TEAMS_MAX = 100 };
typedef struct dm_team_row {
    int64_t account_no, project_no;
    dm_str project_id, slug, name;
} dm_team_row;
int dm_access_teams(dm_pg *c, const dm_caller *person, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_team_row_read(const dm_pg_rows *rows, size_t row, dm_team_row *out);

#endif
