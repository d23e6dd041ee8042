/* tenants/who/mine.h: what a person is, in all accounts and projects. As dm_who, in his scope. */
#ifndef DM_TENANTS_WHO_MINE_H
#define DM_TENANTS_WHO_MINE_H

#include "base/pg.h"

/* At most 1,000 of each; strings live as long as the rows. Columns: id, name, tier, roles; and id, slug, name,
 * account's id, roles; roles with commas between. The caller frees them. */
int dm_mine_accounts(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;
int dm_mine_projects(dm_pg *c, dm_pg_rows **out, dm_err *err) DM_NODISCARD;

#endif
