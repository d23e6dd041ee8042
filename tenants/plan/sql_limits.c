#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/plan/limits.h"

static const dm_pg_stmt set_project = {"limit_set_project",
        "INSERT INTO dm.project_limit (account_no, project_no, name, value)"
        " SELECT account_no, project_no, $2, $3 FROM dm.project WHERE slug = $1"
        " ON CONFLICT (account_no, project_no, name) DO UPDATE SET value = excluded.value"
        " RETURNING account_no, project_no",
        DM_PG_MAYBE};
static const dm_pg_stmt set_account = {"limit_set_account",
        "INSERT INTO dm.account_limit (account_no, name, value)"
        " SELECT account_no, $2, $3 FROM dm.account WHERE id = $1::uuid"
        " ON CONFLICT (account_no, name) DO UPDATE SET value = excluded.value RETURNING account_no, 0",
        DM_PG_MAYBE};
static const dm_pg_stmt set_tier = {"limit_set_tier",
        "INSERT INTO dm.tier_limit (tier, name, value) SELECT name, $2, $3 FROM dm.tier WHERE name = $1"
        " ON CONFLICT (tier, name) DO UPDATE SET value = excluded.value RETURNING 0, 0",
        DM_PG_MAYBE};

static const dm_pg_stmt *statement_of(dm_limit_of of)
{
    switch (of) {
    case DM_LIMIT_OF_PROJECT:
        return &set_project;
    case DM_LIMIT_OF_ACCOUNT:
        return &set_account;
    case DM_LIMIT_OF_TIER:
        return &set_tier;
    }
    return NULL;
}

int dm_limit_set(
        dm_pg *c, const char *who, dm_limit_of of, const char *which, const char *name, int64_t value, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(which), dm_pa_c(name), dm_pa_i64(value)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    char object[256];
    if (!dm_limit_known(dm_str_c(name)))
        return DM_LIMIT_UNKNOWN;
    int r = dm_pg_exec(c, statement_of(of), args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_LIMIT_OF_NOBODY;
    (void)snprintf(object, sizeof object, "limit:%s:%s=%lld", which, name, (long long)value);
    const dm_audit line = {.owner = {{dm_pg_i64(rows, 0, 0)}, {dm_pg_i64(rows, 0, 1)}},
            .who = who,
            .verb = "limit.set",
            .object = object};
    return dm_audit_add(c, &line, err);
}
