/* tenants/admin/operate.h: the commands that look at what there is and act on it: workers, accounts, sandboxes. */
#ifndef DM_TENANTS_ADMIN_OPERATE_H
#define DM_TENANTS_ADMIN_OPERATE_H

#include "tenants/admin/admin.h"

int dm_admin_worker_list(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_worker_drain(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_worker_undrain(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_account_list(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_account_show(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_account_block(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_account_unblock(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_sandbox_list(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_sandbox_kill(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;

#endif
