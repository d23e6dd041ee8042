/* tenants/plan/caps.h: what an account's people let a month run, or cost, at most: of the account, or of one project.
 * A cap binds beside the plan's and an operator's bounds, and the lowest holds (budget.h keeps it). Money is in
 * millionths of the account's currency. In the scope of the whole account (role dm_api, project 0). */
#ifndef DM_TENANTS_PLAN_CAPS_H
#define DM_TENANTS_PLAN_CAPS_H

#include "base/pg.h"
#include "base/wire/number.h"

enum { DM_CAPS_NO_PROJECT = 1, DM_CAPS_MAX = 1000 };

typedef struct dm_cap_change {
    const char *who;
    dm_account_no account;
    const char *slug; /* of a project of it; NULL: the account's */
    bool seconds;     /* running seconds; else money */
    bool none;        /* it is taken away */
    int64_t value;
} dm_cap_change;

/* Writes its line of the audit. DM_CAPS_NO_PROJECT: the account has none of that slug. */
int dm_cap_set(dm_pg *c, const dm_cap_change *change, dm_err *err) DM_NODISCARD;

/* Where an account, or a project of it with a cap, stands this month. Texts are decimals; .p NULL: nothing bounds it.
 */
typedef struct dm_caps {
    dm_str slug;                       /* .p NULL: of the account */
    dm_str seconds, money;             /* its caps, as its people set them */
    dm_str seconds_bound, money_bound; /* what binds: of all bounds the lowest */
    dm_str seconds_used, money_used;
    dm_str seconds_open, money_open; /* granted, and not yet told to have run: so much may still be run past the bound's
                                        last second, at most */
} dm_caps;

typedef struct dm_caps_of {
    dm_str currency;
    dm_str wallet; /* what an account that pays by the hour has left in advance, less what it has come to since: bounds
                      it as a cap does; .p NULL: it pays by the month */
} dm_caps_of;

/* The account's first, then its projects by slug, at most DM_CAPS_MAX; what is of the account is borrowed from the
 * rows.
 */
int dm_caps_read(dm_pg *c, dm_account_no account, dm_pg_rows **rows, dm_err *err) DM_NODISCARD;
void dm_caps_row_read(const dm_pg_rows *rows, size_t row, dm_caps *out, dm_caps_of *of);

#endif
