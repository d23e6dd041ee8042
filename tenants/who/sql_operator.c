#include <stddef.h>
#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/login.h"
#include "tenants/who/operator.h"

static const dm_pg_stmt add = {"operator_add", "SELECT coalesce(dm.add_operator($1, $2, $3, $4), false)", DM_PG_ONE};
static const dm_pg_stmt disable = {"operator_disable", "SELECT dm.disable_operator($1)", DM_PG_ONE};
static const dm_pg_stmt enable = {"operator_enable", "SELECT dm.enable_operator($1)", DM_PG_ONE};
static const dm_pg_stmt reset = {"operator_reset", "SELECT dm.reset_operator($1, $2)", DM_PG_ONE};
static const dm_pg_stmt list = {"operator_list",
        "SELECT id, name, email, state, second_factor, coalesce(created_us, 0), coalesce(disabled_us, 0),"
        " coalesce(seen_us, 0) FROM dm.operators()",
        DM_PG_ROWS};
static const dm_pg_field listed[] = {{DM_COL_STR, offsetof(dm_operator_row, id)},
        {DM_COL_STR, offsetof(dm_operator_row, name)}, {DM_COL_STR, offsetof(dm_operator_row, email)},
        {DM_COL_STR, offsetof(dm_operator_row, state)}, {DM_COL_BOOL, offsetof(dm_operator_row, second_factor)},
        {DM_COL_I64, offsetof(dm_operator_row, created_us)}, {DM_COL_I64, offsetof(dm_operator_row, disabled_us)},
        {DM_COL_I64, offsetof(dm_operator_row, seen_us)}};
static const dm_pg_stmt end_keys = {"token_keys_end", "SELECT dm.end_token_keys()", DM_PG_ONE};

static int audit(dm_pg *c, const char *who, const char *verb, const char *name, const char *reason, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "operator:%.*s", DM_OPERATOR_NAME_MAX, name);
    const dm_audit line = {.who = who, .verb = verb, .object = object, .reason = reason};
    return dm_audit_add(c, &line, err);
}

int dm_operator_add(dm_pg *c, const char *who, const dm_operator_new *n, bool *made, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(n->email), dm_pa_c(n->name), dm_pa_c(n->encoded), dm_pa_bool(n->only_first)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *made = dm_pg_bool(rows, 0, 0);
    return *made ? audit(c, who, "operator.add", n->name, n->reason, err) : 0;
}

typedef struct act {
    const dm_pg_stmt *stmt;
    const char *verb, *name, *reason, *encoded;
} act;

static int change(dm_pg *c, const char *who, const act *a, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(a->name), dm_pa_c(a->encoded)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, a->stmt, args, a->encoded != NULL ? 2 : 1, &rows, NULL, err);
    if (r < 0)
        return r;
    dm_str said = dm_pg_str(rows, 0, 0);
    if (dm_str_eq_c(said, "none"))
        return DM_OPERATOR_NONE;
    if (dm_str_eq_c(said, "last"))
        return DM_OPERATOR_LAST;
    return dm_str_eq_c(said, "same") ? 0 : audit(c, who, a->verb, a->name, a->reason, err);
}

int dm_operator_disable(dm_pg *c, const char *who, const char *reason, const char *name, dm_err *err)
{
    return change(c, who, &(act){.stmt = &disable, .verb = "operator.disable", .name = name, .reason = reason}, err);
}

int dm_operator_enable(dm_pg *c, const char *who, const char *reason, const char *name, dm_err *err)
{
    return change(c, who, &(act){.stmt = &enable, .verb = "operator.enable", .name = name, .reason = reason}, err);
}

int dm_operator_reset(dm_pg *c, const char *who, const char *reason, const char *name, const char *encoded, dm_err *err)
{
    const act a = {.stmt = &reset, .verb = "operator.reset", .name = name, .reason = reason, .encoded = encoded};
    return change(c, who, &a, err);
}

int dm_operator_list(dm_pg *c, dm_pg_rows **rows, dm_err *err)
{
    return dm_pg_exec(c, &list, NULL, 0, rows, NULL, err);
}

void dm_operator_row_read(const dm_pg_rows *rows, size_t i, dm_operator_row *out)
{
    dm_pg_read(rows, i, 0, listed, DM_LEN(listed), out);
}

int dm_token_keys_end(dm_pg *c, const char *who, dm_err *err)
{
    const dm_audit line = {.who = who, .verb = "token_key.rotate", .object = "token_key:all"};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &end_keys, NULL, 0, &rows, NULL, err);
    return r < 0 ? r : dm_audit_add(c, &line, err);
}
