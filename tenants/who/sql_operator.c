#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/login.h"

static const dm_pg_stmt add = {"operator_add", "SELECT coalesce(dm.add_operator($1, $2, $3, $4), false)", DM_PG_ONE};
static const dm_pg_stmt end_keys = {"token_keys_end", "SELECT dm.end_token_keys()", DM_PG_ONE};

int dm_operator_add(dm_pg *c, const char *who, const dm_operator_new *n, bool *made, dm_err *err)
{
    char object[64];
    const dm_pg_arg args[] = {dm_pa_c(n->email), dm_pa_c(n->name), dm_pa_c(n->encoded), dm_pa_bool(n->only_first)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *made = dm_pg_bool(rows, 0, 0);
    (void)snprintf(object, sizeof object, "operator:%.40s", n->name);
    const dm_audit line = {.who = who, .verb = "operator.add", .object = object};
    return *made ? dm_audit_add(c, &line, err) : 0;
}

int dm_token_keys_end(dm_pg *c, const char *who, dm_err *err)
{
    const dm_audit line = {.who = who, .verb = "token_key.rotate", .object = "token_key:all"};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &end_keys, NULL, 0, &rows, NULL, err);
    return r < 0 ? r : dm_audit_add(c, &line, err);
}
