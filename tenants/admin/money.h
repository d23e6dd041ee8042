/* tenants/admin/money.h: the commands about money: what operators see at /v1/ops, and do there as two people. Price
 * books are drafted from a file; a contract, a rule of tax and a seller there alone: here they are listed, approved and
 * withdrawn. */
#ifndef DM_TENANTS_ADMIN_MONEY_H
#define DM_TENANTS_ADMIN_MONEY_H

#include "tenants/admin/admin.h"

/* Lists, and acts; NULL: no command is called so. */
const dm_admin_command *dm_admin_money_list(const char *name);
const dm_admin_command *dm_admin_money_act(const char *name);
const dm_admin_command *dm_admin_money_book(const char *name);

#endif
