#include "tenants/who/keepers.h"

static const dm_pg_stmt list = {"keepers",
        "SELECT DISTINCT p.id, p.email FROM dm.member m JOIN dm.people() p ON p.person_no = m.person_no"
        " WHERE m.account_no = $1 AND m.project_no IN (0, $2) AND m.role IN ('owner', 'admin') ORDER BY p.id LIMIT $3",
        DM_PG_ROWS};

int dm_keepers(dm_pg *c, dm_owner owner, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(DM_MEMBERS_SHOWN)};
    return dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
}

dm_keeper dm_keeper_read(const dm_pg_rows *rows, size_t i)
{
    return (dm_keeper){.id = dm_pg_str(rows, i, 0), .email = dm_pg_str(rows, i, 1)};
}
