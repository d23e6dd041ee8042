/* tenants/admin/list.h: lists as dormouse-admin prints them, whole: a line each, or with --json an array. The API's
 * have pages. */
#ifndef DM_TENANTS_ADMIN_LIST_H
#define DM_TENANTS_ADMIN_LIST_H

#include "base/json.h"

#include "tenants/admin/admin.h"

enum { DM_ADMIN_SHOWN_MAX = 100000 }; /* rows */

typedef struct dm_admin_listing {
    const dm_admin_args *a;
    int (*query)(dm_pg *c, const struct dm_admin_listing *l, dm_pg_rows **rows, dm_err *err);
    int (*json)(dm_jw *w, const dm_pg_rows *rows, size_t i, dm_err *err);
    int (*line)(const dm_pg_rows *rows, size_t i, dm_err *err);
    const void *of; /* the query's own */
    dm_pg_rows *rows;
} dm_admin_listing;

int dm_admin_show(dm_pg *c, dm_admin_listing *l, const char *head, dm_err *err) DM_NODISCARD;

/* DM_E_INVALID: there is no reason, which an act on what is there has. */
int dm_admin_reason(const dm_admin_args *a, dm_err *err) DM_NODISCARD;

#endif
