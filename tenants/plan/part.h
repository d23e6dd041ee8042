/* tenants/plan/part.h: what a bound or a setting is of: an account as a whole, or one of its projects. */
#ifndef DM_TENANTS_PLAN_PART_H
#define DM_TENANTS_PLAN_PART_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_PART_NONE = 1 }; /* the account has no project of that slug */

/* *project_no of the slug; 0 for NULL: the account as a whole. Inside a transaction. 0 or DM_PART_NONE. */
int dm_part_find(dm_pg *c, dm_account_no account, const char *slug, int64_t *project_no, dm_err *err) DM_NODISCARD;

#endif
