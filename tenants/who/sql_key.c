#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/who/key.h"

static const dm_pg_stmt add = {"key_add",
        "INSERT INTO dm.api_key (account_no, project_no, name, sha256, mask) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        DM_PG_ONE};
static const dm_pg_stmt valid = {"key_valid",
        "SELECT id FROM dm.api_key WHERE account_no = $1 AND project_no = $2 AND sha256 = $3 AND revoked_at IS NULL",
        DM_PG_MAYBE};
static const dm_pg_stmt revoke_one = {"key_revoke",
        "UPDATE dm.api_key SET revoked_at = now() WHERE id = $1::uuid AND revoked_at IS NULL"
        " RETURNING account_no, project_no",
        DM_PG_MAYBE};

static int audit(dm_pg *c, const char *who, dm_owner owner, const char *verb, const char *id, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "key:%s", id);
    const dm_audit line = {.owner = owner, .who = who, .verb = verb, .object = object};
    return dm_audit_add(c, &line, err);
}

int dm_key_add(dm_pg *c, const char *who, dm_owner owner, const char *name, dm_key_made *out, dm_err *err)
{
    dm_key_made made;
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_key_new(&made.key, err);
    if (r == 0)
        r = dm_key_hash(dm_str_c(made.key.s), &digest, err);
    if (r < 0)
        return r;
    dm_key_mask mask = dm_key_mask_of(&made.key);
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_c(name),
            dm_pa_bytes(digest.b, sizeof digest.b), dm_pa_c(mask.s)};
    r = dm_pg_exec(c, &add, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(rows, 0, 0), made.id, sizeof made.id, err);
    if (r == 0)
        r = audit(c, who, owner, "key.add", made.id, err);
    if (r == 0)
        *out = made;
    explicit_bzero(&made, sizeof made);
    return r;
}

int dm_key_valid(dm_pg *c, dm_owner owner, dm_str text, char id[DM_UUID_TEXT], dm_err *err)
{
    dm_digest digest;
    DM_AUTO(dm_pg_rows) rows = NULL;
    if (dm_key_hash(text, &digest, NULL) < 0)
        return DM_KEY_NONE;
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(digest.b, sizeof digest.b)};
    int r = dm_pg_exec(c, &valid, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_count(rows) == 0 ? DM_KEY_NONE : dm_str_to_array(dm_pg_str(rows, 0, 0), id, DM_UUID_TEXT, err);
}

int dm_key_revoke(dm_pg *c, const char *who, const char *id, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &revoke_one, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_KEY_NONE;
    const dm_owner owner = {{dm_pg_i64(rows, 0, 0)}, {dm_pg_i64(rows, 0, 1)}};
    return audit(c, who, owner, "key.revoke", id, err);
}
