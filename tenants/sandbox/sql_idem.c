#include "base/parse.h"

#include "tenants/sandbox/idem.h"

static const dm_pg_stmt begin = {"idem_begin",
        "INSERT INTO dm.idempotency (account_no, project_no, key, body_sha256, sandbox_id) VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT DO NOTHING",
        DM_PG_NONE};
static const dm_pg_stmt read_row = {"idem_read",
        "SELECT body_sha256, sandbox_id, status, created_at < now() - $4 * interval '1 second' FROM dm.idempotency"
        " WHERE account_no = $1 AND project_no = $2 AND key = $3",
        DM_PG_MAYBE};
static const dm_pg_stmt settle = {"idem_settle",
        "UPDATE dm.idempotency SET status = $4 WHERE account_no = $1 AND project_no = $2 AND key = $3", DM_PG_NONE};
static const dm_pg_stmt drop = {
        "idem_drop", "DELETE FROM dm.idempotency WHERE account_no = $1 AND project_no = $2 AND key = $3", DM_PG_NONE};

bool dm_idem_key_ok(dm_str key)
{
    return key.n >= 1 && key.n <= DM_IDEM_KEY_MAX && dm_str_only(key, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

static int judge(const dm_pg_rows *rows, const dm_idem *i, dm_sandbox_id *sandbox, dm_err *err)
{
    dm_str body = dm_pg_str(rows, 0, 0), id = dm_pg_str(rows, 0, 1);
    if (body.n != sizeof i->body.b || id.n != sizeof sandbox->b)
        return dm_fail(err, DM_E_CORRUPT, "idempotency row");
    if (memcmp(body.p, i->body.b, body.n) != 0)
        return DM_IDEM_MISMATCH;
    if (dm_pg_is_null(rows, 0, 2))
        return dm_pg_bool(rows, 0, 3) ? DM_IDEM_UNKNOWN : DM_IDEM_RUNNING;
    memcpy(sandbox->b, id.p, id.n);
    return DM_IDEM_DONE;
}

int dm_idem_begin(dm_pg *c, const dm_idem *i, int64_t stale_s, dm_sandbox_id *sandbox, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(i->owner.account.v), dm_pa_i64(i->owner.project.v), dm_pa_text(i->key),
            dm_pa_bytes(i->body.b, sizeof i->body.b), dm_pa_bytes(sandbox->b, sizeof sandbox->b)};
    const dm_pg_arg read_args[] = {args[0], args[1], args[2], dm_pa_i64(stale_s)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int64_t changed = 0;
    int r = dm_pg_exec(c, &begin, args, DM_LEN(args), NULL, &changed, err);
    if (r < 0 || changed == 1)
        return r;
    r = dm_pg_exec(c, &read_row, read_args, DM_LEN(read_args), &rows, NULL, err);
    if (r < 0)
        return r;
    /* Dropped between the two statements: its maker has just failed. The client may try again. */
    return dm_pg_count(rows) == 0 ? DM_IDEM_RUNNING : judge(rows, i, sandbox, err);
}

int dm_idem_settle(dm_pg *c, const dm_idem *i, int status, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(i->owner.account.v), dm_pa_i64(i->owner.project.v), dm_pa_text(i->key), dm_pa_i64(status)};
    return dm_pg_exec(c, &settle, args, DM_LEN(args), NULL, NULL, err);
}

int dm_idem_drop(dm_pg *c, const dm_idem *i, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(i->owner.account.v), dm_pa_i64(i->owner.project.v), dm_pa_text(i->key)};
    return dm_pg_exec(c, &drop, args, DM_LEN(args), NULL, NULL, err);
}

static const dm_pg_stmt forget = {"idem_forget",
        "DELETE FROM dm.idempotency WHERE account_no = $1 AND project_no = $2 AND sandbox_id = $3", DM_PG_NONE};

int dm_idem_forget(dm_pg *c, dm_owner owner, const dm_sandbox_id *sandbox, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(sandbox->b, sizeof sandbox->b)};
    return dm_pg_exec(c, &forget, args, DM_LEN(args), NULL, NULL, err);
}

static const dm_pg_stmt expire = {
        "idem_expire", "DELETE FROM dm.idempotency WHERE created_at < now() - interval '1 day'", DM_PG_NONE};

int dm_idem_expire(dm_pg *c, dm_err *err)
{
    return dm_pg_exec(c, &expire, NULL, 0, NULL, NULL, err);
}
