/* tests/support/adminrig.h: commands of dormouse-admin, run in the test itself, on a database of the test's own. */
#ifndef DM_TESTS_SUPPORT_ADMINRIG_H
#define DM_TESTS_SUPPORT_ADMINRIG_H

#include "tenants/admin/admin.h"
#include "tests/support/tenantrig.h"

enum { DM_ADMINRIG_PRINTED = 16384 };

/* What the command returned; all that it printed is in out. */
int dm_adminrig_run(dm_tenantrig *r, const char *who, const char *command, dm_admin_args args,
        char out[DM_ADMINRIG_PRINTED], dm_err *err);
/* Fails the test, with what it says, where it does not succeed. */
void dm_adminrig_must(
        dm_tenantrig *r, const char *who, const char *command, dm_admin_args args, char out[DM_ADMINRIG_PRINTED]);

#endif
