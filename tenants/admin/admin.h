/* tenants/admin/admin.h: the commands of dormouse-admin. Each runs in one transaction of role dm_ops and writes one
 * audit row. What it made is printed on standard output as NAME=VALUE lines, and nowhere else: a new key is seen once.
 */
#ifndef DM_TENANTS_ADMIN_H
#define DM_TENANTS_ADMIN_H

#include "base/pg.h"

typedef struct dm_admin_args { /* NULL where not given */
    const char *who;
    const char *tier, *currency, *image, *key_file, *account, *project, *slug, *name, *region, *id, *value;
    const char *vcpus, *mem_mib, *disk_mib;
} dm_admin_args;

int dm_admin_demo(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_project_add(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_key_add(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_key_revoke(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;
int dm_admin_limit_set(dm_pg *c, const dm_admin_args *a, dm_err *err) DM_NODISCARD;

/* --- shared by the commands --------------------------------------------------------------------------------- */

typedef struct dm_admin_project {
    int64_t account_no, project_no;
    char id[40], account_id[40];
} dm_admin_project;

/* DM_E_NOTFOUND when there is none. */
int dm_admin_project_find(dm_pg *c, const char *slug, dm_admin_project *out, dm_err *err) DM_NODISCARD;
/* Makes a key of the project and gives its text and id. */
int dm_admin_key_make(
        dm_pg *c, const dm_admin_project *p, const char *name, char key[64], char id[40], dm_err *err) DM_NODISCARD;
int dm_admin_audit(dm_pg *c, const dm_admin_args *a, const dm_admin_project *p, const char *verb, const char *object,
        dm_err *err) DM_NODISCARD;

#endif
