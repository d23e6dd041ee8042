/* tenants/admin/operate.h: the commands that look at what there is and act on it: workers, accounts, sandboxes,
 * operators. */
#ifndef DM_TENANTS_ADMIN_OPERATE_H
#define DM_TENANTS_ADMIN_OPERATE_H

#include "tenants/admin/admin.h"
#include "tenants/who/password.h"
#include "tenants/who/totp.h"

int dm_admin_worker_list(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_worker_drain(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_worker_undrain(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_account_list(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_account_show(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_account_block(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_account_unblock(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_sandbox_list(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_sandbox_kill(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_operator_list(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_operator_disable(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_operator_enable(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_operator_reset(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
/* A password for one sign-in, and its hash: what looking at it costs is what the API asks for anew. The caller wipes
 * it. */
int dm_admin_password(char password[DM_RECOVERY_TEXT], char encoded[DM_PASSWORD_TEXT], dm_err *err) DM_NODISCARD;

#endif
