/* tenants/admin/export.h: the commands about exports, over the acts of metering/ask/export.h. */
#ifndef DM_TENANTS_ADMIN_EXPORT_H
#define DM_TENANTS_ADMIN_EXPORT_H

#include "tenants/admin/admin.h"

int dm_admin_export_order(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_export_list(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_export_show(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_export_cancel(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
/* Into a file that is not there yet, whole or not at all. */
int dm_admin_export_download(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;

#endif
