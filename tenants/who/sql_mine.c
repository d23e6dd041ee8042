#include "tenants/who/mine.h"

static const dm_pg_stmt accounts = {"mine_accounts", "SELECT id, name, tier, roles FROM dm.my_accounts()", DM_PG_ROWS};
static const dm_pg_stmt projects = {
        "mine_projects", "SELECT id, slug, name, account_id, roles FROM dm.my_projects()", DM_PG_ROWS};

int dm_mine_accounts(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    return dm_pg_exec(c, &accounts, NULL, 0, out, NULL, err);
}

int dm_mine_projects(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    return dm_pg_exec(c, &projects, NULL, 0, out, NULL, err);
}
