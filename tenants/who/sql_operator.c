#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/login.h"

static const dm_pg_stmt add = {
        "operator_add", "INSERT INTO dm.operator (email, name, password) VALUES ($1, $2, $3)", DM_PG_NONE};
static const dm_pg_stmt count = {
        "operator_count", "SELECT count(*) FROM dm.operator WHERE disabled_at IS NULL", DM_PG_ONE};
static const dm_pg_stmt end_keys = {"token_keys_end",
        "UPDATE dm.token_key SET valid_to = now() WHERE valid_to IS NULL OR valid_to > now()", DM_PG_NONE};

int dm_operator_add(dm_pg *c, const char *who, const char *name, const char *email, const char *encoded, dm_err *err)
{
    char object[64];
    const dm_pg_arg args[] = {dm_pa_c(email), dm_pa_c(name), dm_pa_c(encoded)};
    int r = dm_pg_exec(c, &add, args, DM_LEN(args), NULL, NULL, err);
    (void)snprintf(object, sizeof object, "operator:%.40s", name);
    const dm_audit line = {.who = who, .verb = "operator.add", .object = object};
    return r < 0 ? r : dm_audit_add(c, &line, err);
}

int dm_operator_count(dm_pg *c, int64_t *n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &count, NULL, 0, &rows, NULL, err);
    if (r == 0)
        *n = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_token_keys_end(dm_pg *c, const char *who, dm_err *err)
{
    const dm_audit line = {.who = who, .verb = "token_key.rotate", .object = "token_key:all"};
    int r = dm_pg_exec(c, &end_keys, NULL, 0, NULL, NULL, err);
    return r < 0 ? r : dm_audit_add(c, &line, err);
}
