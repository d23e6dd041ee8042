#include <stddef.h>
#include <stdio.h>

#include "metering/ask/target.h"

void dm_target_bound(dm_account_no account, char out[DM_TARGET_BOUND])
{
    (void)snprintf(out, DM_TARGET_BOUND, "export_target:%lld", (long long)account.v);
}

int dm_target_end(dm_pg *c, dm_account_no account, dm_err *err)
{
    static const dm_pg_stmt st = {
            "target_end", "DELETE FROM dm.export_target WHERE account_no = $1::bigint", DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account.v)};
    int64_t changed = 0;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), NULL, &changed, err);
    return r < 0 ? r : changed == 1 ? 0 : DM_TARGET_NONE;
}

/* Not changed but written anew: who changed a row could read its secret. */
int dm_target_set(dm_pg *c, dm_account_no account, const dm_target_new *t, dm_err *err)
{
    static const dm_pg_stmt st = {"target_set",
            "INSERT INTO dm.export_target (account_no, endpoint, region, bucket, prefix, key_id, secret, who) VALUES "
            "($1::bigint, $2, $3, $4, $5, $6, $7::bytea, $8)",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(account.v), dm_pa_c(t->endpoint), dm_pa_c(t->region), dm_pa_c(t->bucket),
            dm_pa_c(t->prefix), dm_pa_c(t->key_id), dm_pa_bytes((const uint8_t *)t->sealed.p, t->sealed.n),
            dm_pa_c(t->who)};
    int r = dm_target_end(c, account, err);
    return r < 0 ? r : dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_target_find(dm_pg *c, dm_account_no account, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"target_find",
            "SELECT dm.us(set_at), endpoint, region, bucket, prefix, key_id, CASE WHEN who LIKE 'operator:%' THEN "
            "'operator' ELSE who END FROM dm.export_target WHERE account_no = $1::bigint",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account.v)};
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
    return r == 0 && dm_pg_count(*out) == 0 ? DM_TARGET_NONE : r;
}

void dm_target_read(const dm_pg_rows *rows, dm_target *out)
{
    static const dm_pg_field fields[] = {{DM_COL_I64, offsetof(dm_target, set_us)},
            {DM_COL_STR, offsetof(dm_target, endpoint)}, {DM_COL_STR, offsetof(dm_target, region)},
            {DM_COL_STR, offsetof(dm_target, bucket)}, {DM_COL_STR, offsetof(dm_target, prefix)},
            {DM_COL_STR, offsetof(dm_target, key_id)}, {DM_COL_STR, offsetof(dm_target, who)}};
    dm_pg_read(rows, 0, 0, fields, DM_LEN(fields), out);
}
