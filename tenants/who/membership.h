/* tenants/who/membership.h: who is what in an account (all of it) or in one of its projects. Acts in the scope of by's
 * owner: with a project, on what people are in that project alone; without, in the account. Nobody gives or takes what
 * he has not himself: an admin makes no owner, and removes none. An account has an owner always. Each act writes its
 * line of the audit, and binds from the commit on (NOTIFY dm_keys). */
#ifndef DM_TENANTS_WHO_MEMBERSHIP_H
#define DM_TENANTS_WHO_MEMBERSHIP_H

#include "tenants/limits.h"
#include "tenants/who/caller.h"

enum {
    DM_MEMBERSHIP_NONE = 1, /* he is no member here */
    DM_MEMBERSHIP_MORE = 2, /* more than who does it has himself */
    DM_MEMBERSHIP_LAST = 3, /* the account would have no owner */
    DM_MEMBERSHIP_ROLE = 4, /* there is no such role here: owner and billing are of accounts alone */
};

bool dm_membership_role_ok(dm_owner owner, dm_role role);

/* person: his id. */
int dm_membership_alter(dm_pg *c, const dm_caller *by, const char *person, dm_role role, dm_err *err) DM_NODISCARD;
/* Who removes himself leaves, whatever he is. What he invited others to is withdrawn. */
int dm_membership_end(dm_pg *c, const dm_caller *by, const char *person, dm_err *err) DM_NODISCARD;
/* by, an owner, makes a member of the account an owner, and is an admin then. */
int dm_membership_transfer(dm_pg *c, const dm_caller *by, const char *person, dm_err *err) DM_NODISCARD;

typedef struct dm_membership_row {
    int64_t whole_account, confirmed, totp; /* 0 or 1 */
    int64_t added_us;
    dm_str id, email, name, role; /* borrowed from the rows */
} dm_membership_row;

/* Of a project also those who are members of the whole account; at most DM_MEMBERS_SHOWN. */
int dm_membership_list(dm_pg *c, dm_owner owner, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_membership_row_read(const dm_pg_rows *rows, size_t row, dm_membership_row *out);

#endif
