/* tenants/who/mail.h: letters on their way out. Whoever has cause to write puts one down in the transaction that is its
 * cause, in any role; sending is api/post's. */
#ifndef DM_TENANTS_WHO_MAIL_H
#define DM_TENANTS_WHO_MAIL_H

#include "base/pg.h"

/* One cause ("invitation:UUID") is written once: a second letter of it is none. subject: one line, at most 200
 * characters; body: at most 20,000, and wiped when it has left. */
int dm_mail_add(
        dm_pg *c, const char *cause, const char *to, const char *subject, const char *body, dm_err *err) DM_NODISCARD;

/* --- sending (role dm_who) ---------------------------------------------------------------------------------- */

enum { DM_MAIL_NONE = 1 };

typedef struct dm_mail {
    int64_t no, made_us;
    int64_t tries;                          /* with this one */
    dm_str cause, recipient, subject, body; /* borrowed from the rows */
} dm_mail;

/* The one that has waited longest is the caller's for lease_s: no other takes it meanwhile, and whoever takes it when
 * that is over has a higher number of tries. 0 or DM_MAIL_NONE. */
int dm_mail_take(dm_pg *c, int64_t lease_s, dm_pg_rows **rows, dm_mail *out, dm_err *err) DM_NODISCARD;
/* It has left. */
int dm_mail_sent(dm_pg *c, int64_t no, dm_err *err) DM_NODISCARD;
/* It has not, on that try: it waits a minute, two, four ... six hours; a day after it was made it is given up, and
 * where last is true at once. *gave_up says so. */
int dm_mail_failed(
        dm_pg *c, int64_t no, int64_t tries, const char *why, bool last, bool *gave_up, dm_err *err) DM_NODISCARD;

#endif
