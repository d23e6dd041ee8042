/* tenants/who/accounts.h: accounts as an operator sees them: found, and shown with all that is theirs. Reads alone, as
 * dm_ops, in the caller's transaction (sql_accounts.c); what changes one is in account.h. Of people it shows what their
 * colleagues see. */
#ifndef DM_TENANTS_WHO_ACCOUNTS_H
#define DM_TENANTS_WHO_ACCOUNTS_H

#include "base/json.h"
#include "base/pg.h"
#include "base/wire/number.h"

/* What is asked for; .p NULL or a negative one: any. */
typedef struct dm_accounts_filter {
    dm_str q; /* a part of its name or of a project's slug; its id; the address of a member */
    dm_str tier;
    int blocked; /* 1: those that may not create, 0: those that may */
    dm_account_no after;
    int64_t limit;
} dm_accounts_filter;

/* Strings are borrowed of the rows. */
typedef struct dm_accounts_row {
    dm_account_no no;
    dm_str id, name, country, currency, tier;
    dm_str blocked; /* .p NULL: it is not */
    bool banned;
    int64_t projects, running, asleep_mib, created_us;
} dm_accounts_row;

/* By number. The caller frees rows; dm_accounts_read takes one row each. total: of all that the filter
 * leaves; NULL: it is not counted. */
int dm_accounts_list(
        dm_pg *c, const dm_accounts_filter *f, dm_pg_rows **rows, dm_pg_total *total, dm_err *err) DM_NODISCARD;
void dm_accounts_read(const dm_pg_rows *rows, size_t i, dm_accounts_row *out);
void dm_accounts_write(dm_jw *w, const dm_accounts_row *a);

enum { DM_ACCOUNTS_NONE = 1, DM_ACCOUNTS_PARTS_MAX = 1000 };

/* One, with at most DM_ACCOUNTS_PARTS_MAX rows of each of what it has. Zero it first; dm_accounts_one_done is fine on a
 * zeroed one. */
typedef struct dm_accounts_one {
    dm_pg_rows *account, *plans, *limits, *holds, *projects, *members;
} dm_accounts_one;
void dm_accounts_one_done(dm_accounts_one *o);

/* What o held is let go first. 0 or DM_ACCOUNTS_NONE. */
int dm_accounts_find(dm_pg *c, const char *account_id, dm_accounts_one *o, dm_err *err) DM_NODISCARD;
void dm_accounts_one_write(dm_jw *w, const dm_accounts_one *o);

#endif
