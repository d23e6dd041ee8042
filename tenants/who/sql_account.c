#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/account.h"

static const dm_pg_stmt add = {"account_add",
        "INSERT INTO dm.account (legal_name, country, currency, tier)"
        " SELECT $1, $2, $3, t.name FROM dm.tier t WHERE t.name = $4 RETURNING account_no, id",
        DM_PG_MAYBE};

int dm_account_add(dm_pg *c, const char *who, const dm_account_new *a, dm_account *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(a->legal_name), dm_pa_c(a->country), dm_pa_c(a->currency), dm_pa_c(a->tier)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    char object[64];
    int r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_ACCOUNT_NO_TIER;
    dm_account made = {.no = {dm_pg_i64(rows, 0, 0)}};
    r = dm_str_to_array(dm_pg_str(rows, 0, 1), made.id, sizeof made.id, err);
    if (r < 0)
        return r;
    (void)snprintf(object, sizeof object, "account:%s", made.id);
    const dm_audit line = {.owner = {.account = made.no}, .who = who, .verb = "account.add", .object = object};
    r = dm_audit_add(c, &line, err);
    if (r == 0)
        *out = made;
    return r;
}
