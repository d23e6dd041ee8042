#include <stdio.h>

#include "tenants/who/keepers.h"
#include "tenants/who/mail.h"

static const dm_pg_stmt list = {"keepers",
        "SELECT DISTINCT p.id, p.email FROM dm.member m JOIN dm.people() p ON p.person_no = m.person_no"
        " WHERE m.account_no = $1 AND m.project_no IN (0, $2) AND (m.role IN ('owner', 'admin') OR $4"
        "  AND m.role = 'billing') ORDER BY p.id LIMIT $3",
        DM_PG_ROWS};

static int tell_one(dm_pg *c, const dm_pg_rows *rows, size_t i, const dm_keepers_letter *l, dm_err *err)
{
    char cause[160], to[320];
    const dm_str id = dm_pg_str(rows, i, 0);
    (void)snprintf(cause, sizeof cause, "%.100s:%.*s", l->cause, (int)id.n, id.p);
    int r = dm_str_to_array(dm_pg_str(rows, i, 1), to, sizeof to, err);
    return r < 0 ? r : dm_mail_add(c, cause, to, l->subject, l->body, err);
}

int dm_keepers_tell(dm_pg *c, dm_owner owner, const dm_keepers_letter *letter, int64_t *letters, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(DM_MEMBERS_SHOWN),
            dm_pa_bool(letter->money)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &list, args, DM_LEN(args), &rows, NULL, err);
    *letters = 0;
    for (size_t i = 0; r == 0 && i < dm_pg_count(rows); i++, ++*letters)
        r = tell_one(c, rows, i, letter, err);
    return r;
}
