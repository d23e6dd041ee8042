/* tenants/admin/admin.h: the commands of dormouse-admin: a mouth. Each reads its options, calls one act in one
 * transaction of role dm_ops, and prints what it made on standard output as NAME=VALUE lines, and nowhere else: a new
 * key is seen once. */
#ifndef DM_TENANTS_ADMIN_ADMIN_H
#define DM_TENANTS_ADMIN_ADMIN_H

#include "base/pg.h"

typedef struct dm_admin_args { /* NULL where not given */
    const char *who;           /* the operator, as the audit has him: "operator:NAME" */
    const char *tier, *currency, *image, *key_file, *account, *project, *slug, *name, *region, *id, *value;
    const char *country, *no, *reason, *until, *email, *first, *state;
    const char *vcpus, *mem_mib, *disk_mib;
    const char *dataset, *format, *from, *to, *entity, *folder, *out;
    const char *kind, *reference, *number, *hash, *file, *month, *on;
    bool json; /* of a list: as JSON, an array */
} dm_admin_args;

typedef struct dm_admin_command {
    const char *name;
    int (*run)(dm_pg *c, const dm_admin_args *a, dm_err *err);
} dm_admin_command;

/* NULL: no command is called so. */
const dm_admin_command *dm_admin_find(const char *name);

#endif
