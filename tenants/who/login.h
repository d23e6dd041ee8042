/* tenants/who/login.h: what somebody shows himself by, a person or an operator: password, second factor, links. Rows
 * (sql_login.c), as dm_who, in the scope of whose they are unless a line says otherwise. */
#ifndef DM_TENANTS_WHO_LOGIN_H
#define DM_TENANTS_WHO_LOGIN_H

#include "base/pg.h"
#include "base/wire/id.h"

#include "tenants/who/password.h"
#include "tenants/who/totp.h"

enum { DM_LOGIN_NONE = 1 };
enum { DM_EMAIL_MAX = 254, DM_LINK_TEXT = 65 };

typedef struct dm_login {
    bool ops;   /* an operator; else a person */
    int64_t no; /* 0: nobody, and all the rest is empty */
    char id[DM_UUID_TEXT];
    char email[DM_EMAIL_MAX + 1], name[801];
    char password[DM_PASSWORD_TEXT]; /* encoded; "": none yet */
    bool confirmed;                  /* the address is theirs; an operator's always */
    bool one_time;                   /* an operator's password was made for him */
    bool has_totp;                   /* it is asked for */
    int64_t totp_step;
    uint8_t totp_sealed[80];
    size_t totp_n; /* 0: none was made */
} dm_login;

static inline DM_UNUSED dm_pg_scope dm_login_scope(bool ops, int64_t no)
{
    return (dm_pg_scope){.person_no = ops ? 0 : no, .operator_no = ops ? no : 0};
}

/* Lower case, one @ with something on both sides, no blanks or control bytes. DM_E_INVALID. */
int dm_email_read(dm_str text, char out[DM_EMAIL_MAX + 1], dm_err *err) DM_NODISCARD;

/* Without a scope. *no 0: nobody has it. */
int dm_login_find(dm_pg *c, bool ops, const char *email, int64_t *no, dm_err *err) DM_NODISCARD;
/* out->no 0: there is none any more. */
int dm_login_read(dm_pg *c, bool ops, int64_t no, dm_login *out, dm_err *err) DM_NODISCARD;

/* His own now, and no one-time one. */
int dm_login_set_password(dm_pg *c, const dm_login *l, const char *encoded, dm_err *err) DM_NODISCARD;
int dm_login_confirm(dm_pg *c, const dm_login *l, dm_err *err) DM_NODISCARD;

/* A new secret that is not asked for yet; .n 0: none. */
int dm_login_set_totp(dm_pg *c, const dm_login *l, dm_str sealed, dm_err *err) DM_NODISCARD;
/* From now on it is asked for; these codes are the way back in, others are none any more. */
int dm_login_start_totp(
        dm_pg *c, const dm_login *l, int64_t step, const dm_digest codes[DM_RECOVERY_CODES], dm_err *err) DM_NODISCARD;
/* DM_LOGIN_NONE: that step, or that code, was used. */
int dm_login_use_step(dm_pg *c, const dm_login *l, int64_t step, dm_err *err) DM_NODISCARD;
int dm_login_use_code(dm_pg *c, const dm_login *l, const dm_digest *code, dm_err *err) DM_NODISCARD;

/* --- what dormouse-admin does, as dm_ops -------------------------------------------------------------------- */

/* What all short tokens were signed with is good no more: the API makes another key, browsers refresh. */
int dm_token_keys_end(dm_pg *c, const char *who, dm_err *err) DM_NODISCARD;

typedef struct dm_owner_new {
    const char *account; /* its id */
    const char *email, *name, *encoded;
    bool only_first;
} dm_owner_new;
/* A person whose address needs no letter, and who owns the account. *made false: only_first, and it has a member
 * already. DM_LOGIN_NONE: no such account. The address is somebody's: DM_E_EXISTS. */
int dm_login_add_owner(dm_pg *c, const char *who, const dm_owner_new *n, bool *made, dm_err *err) DM_NODISCARD;

/* --- links -------------------------------------------------------------------------------------------------- */

int dm_link_new(char text[DM_LINK_TEXT], dm_digest *hash, dm_err *err) DM_NODISCARD;
int dm_link_hash(dm_str text, dm_digest *hash, dm_err *err) DM_NODISCARD;
int dm_link_add(dm_pg *c, int64_t person_no, const char *purpose, const dm_digest *hash, int64_t good_s,
        dm_err *err) DM_NODISCARD;
/* Without a scope. *person_no 0: it does not work. */
int dm_link_find(dm_pg *c, const dm_digest *hash, const char *purpose, int64_t *person_no, dm_err *err) DM_NODISCARD;
/* With all others of that purpose. DM_LOGIN_NONE: another was first. */
int dm_link_use(dm_pg *c, int64_t person_no, const dm_digest *hash, const char *purpose, dm_err *err) DM_NODISCARD;

/* --- a new person ------------------------------------------------------------------------------------------- */

typedef struct dm_sign_up {
    const char *email, *name, *password, *project, *region;
    dm_digest link;
    bool invited;
    dm_digest invitation;
} dm_sign_up;

/* Without a scope. With account, project and membership, or all that an invitation says. *person_no 0: the address, or
 * the invitation, is taken. */
int dm_login_sign_up(dm_pg *c, const dm_sign_up *n, int64_t *person_no, dm_err *err) DM_NODISCARD;

#endif
