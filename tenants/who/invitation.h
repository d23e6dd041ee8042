/* tenants/who/invitation.h: how people come in: a letter with a link that works once, for the address it was sent to,
 * for a week. Asked again for the same address and place, it is the same invitation with another link: the older one is
 * dead.
 */
#ifndef DM_TENANTS_WHO_INVITATION_H
#define DM_TENANTS_WHO_INVITATION_H

#include "tenants/limits.h"
#include "tenants/who/caller.h"
#include "tenants/who/login.h"

enum {
    DM_INVITATION_NONE = 1,   /* there is none that is open */
    DM_INVITATION_MORE = 2,   /* to more than who invites has himself */
    DM_INVITATION_ROLE = 3,   /* there is no such role here */
    DM_INVITATION_MEMBER = 4, /* he is a member here already */
    DM_INVITATION_FULL = 5,   /* the account has DM_INVITATIONS_OPEN_MAX that are open */
    DM_INVITATION_DAY = 6,    /* it has written DM_INVITATIONS_DAY_MAX letters within a day */
    DM_INVITATION_OTHER = 7,  /* it is another address's */
};

enum { DM_INVITATION_TEXT = 41 };

typedef struct dm_invitation_new {
    const char *email; /* of dm_email_read (login.h) */
    dm_role role;
    const char *api_url; /* where links lead: "https://HOST" */
} dm_invitation_new;

/* Acts in the scope of by's owner, each with its line of the audit; to the account, or to one project. */
int dm_invitation_add(
        dm_pg *c, const dm_caller *by, const dm_invitation_new *want, char id[DM_UUID_TEXT], dm_err *err) DM_NODISCARD;
int dm_invitation_withdraw(dm_pg *c, const dm_caller *by, const char *id, dm_err *err) DM_NODISCARD;

typedef struct dm_invitation_row {
    dm_str id, email, role, made_by; /* borrowed from the rows */
    int64_t made_us, expires_us;
} dm_invitation_row;

/* Those that are open, newest first; what is over is shown for as long as it can be renewed by asking again. */
int dm_invitation_list(dm_pg *c, dm_owner owner, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
void dm_invitation_row_read(const dm_pg_rows *rows, size_t row, dm_invitation_row *out);

/* --- by whoever has the link (role dm_who) ------------------------------------------------------------------ */

/* By what the row knows the link whose end this is; false: no link ends so. */
bool dm_invitation_hash(dm_str token, dm_digest *out) DM_NODISCARD;

typedef struct dm_invitation_seen {
    dm_str id, email, role, account_id, account, slug, project,
            inviter; /* slug and project empty: to all of the account */
    int64_t expires_us;
} dm_invitation_seen;

/* 0 or DM_INVITATION_NONE. */
int dm_invitation_look(dm_pg *c, dm_str token, dm_pg_rows **rows, dm_invitation_seen *out, dm_err *err) DM_NODISCARD;
/* In the scope of the person who takes it. 0, DM_INVITATION_NONE or DM_INVITATION_OTHER. */
int dm_invitation_take(dm_pg *c, dm_str token, dm_err *err) DM_NODISCARD;

#endif
