/* tenants/who/mail.h: a letter on its way out: a row, written in the transaction that is its cause; who sends it is
 * another's business. */
#ifndef DM_TENANTS_WHO_MAIL_H
#define DM_TENANTS_WHO_MAIL_H

#include "base/pg.h"

/* Once for one cause ("reset:UUID"): a second one of the same is none. As dm_who, dm_api or dm_ops. */
int dm_mail_add(
        dm_pg *c, const char *cause, const char *to, const char *subject, const char *body, dm_err *err) DM_NODISCARD;

#endif
