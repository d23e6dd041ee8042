#include "tenants/who/mail.h"

static const dm_pg_stmt add = {"mail_add",
        "INSERT INTO dm.mail (cause, recipient, subject, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        DM_PG_NONE};

int dm_mail_add(dm_pg *c, const char *cause, const char *to, const char *subject, const char *body, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(cause), dm_pa_c(to), dm_pa_c(subject), dm_pa_c(body)};
    return dm_pg_exec(c, &add, args, DM_LEN(args), NULL, NULL, err);
}
