#include <stdio.h>

#include "tenants/plan/audit.h"
#include "tenants/sandbox/hold.h"

static const dm_pg_stmt suspend = {"hold_suspend",
        "INSERT INTO dm.hold AS h (account_no, cause, set_by, reason)"
        " SELECT account_no, 'suspended_unpaid', $2, $3 FROM dm.account WHERE id = $1::uuid"
        " ON CONFLICT (account_no, project_no, cause) DO UPDATE SET set_by = $2, reason = $3, at = now(), until = NULL"
        " RETURNING account_no, (SELECT count(*) FROM dm.sandbox s WHERE s.account_no = h.account_no"
        "  AND s.state IN ('starting', 'running', 'resuming'))",
        DM_PG_MAYBE};
static const dm_pg_stmt unsuspend = {"hold_unsuspend",
        "DELETE FROM dm.hold h USING dm.account a WHERE a.id = $1::uuid AND h.account_no = a.account_no"
        " AND h.project_no = 0 AND h.cause = 'suspended_unpaid' RETURNING h.account_no",
        DM_PG_MAYBE};

static int audit(
        dm_pg *c, int64_t account, const char *who, const char *verb, const char *id, const char *reason, dm_err *err)
{
    char object[64];
    (void)snprintf(object, sizeof object, "account:%s", id);
    const dm_audit line = {
            .owner = {.account = {account}}, .who = who, .verb = verb, .object = object, .reason = reason};
    return dm_audit_add(c, &line, err);
}

int dm_suspend(dm_pg *c, const char *who, const char *account_id, const char *reason, int64_t *running, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(account_id), dm_pa_c(who), dm_pa_c(reason)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &suspend, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_HOLD_NOBODY;
    *running = dm_pg_i64(rows, 0, 1);
    return audit(c, dm_pg_i64(rows, 0, 0), who, "account.suspend", account_id, reason, err);
}

int dm_unsuspend(dm_pg *c, const char *who, const char *account_id, const char *reason, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_c(account_id)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &unsuspend, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    if (dm_pg_count(rows) == 0)
        return DM_HOLD_NONE;
    return audit(c, dm_pg_i64(rows, 0, 0), who, "account.unsuspend", account_id, reason, err);
}

static const dm_pg_stmt use = {"budget_use",
        "INSERT INTO dm.budget_use AS b (account_no, project_no, month, seconds, spent_micros)"
        " VALUES ($1, $2, date_trunc('month', dm.ts($3) AT TIME ZONE 'UTC')::date, $4, $5)"
        " ON CONFLICT (account_no, project_no, month) DO UPDATE SET seconds = greatest(b.seconds, excluded.seconds),"
        " spent_micros = greatest(b.spent_micros, excluded.spent_micros)",
        DM_PG_NONE};

int dm_budget_use(dm_pg *c, const dm_budget_used *u, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(u->owner.account.v), dm_pa_i64(u->owner.project.v), dm_pa_i64(u->at_us),
            dm_pa_i64(u->seconds), dm_pa_i64(u->spent_micros)};
    return dm_pg_exec(c, &use, args, DM_LEN(args), NULL, NULL, err);
}

/* Asked each second, and mostly of nobody: from those that are held to what is theirs, whatever order and bound tempt
 * to. */
static const dm_pg_stmt running = {"held_running",
        "SELECT DISTINCT ON (s.sandbox_id) s.account_no, s.project_no, s.sandbox_id, h.cause FROM dm.hold h"
        " CROSS JOIN LATERAL (SELECT r.account_no, r.project_no, r.sandbox_id FROM dm.sandbox r"
        "  WHERE r.account_no = h.account_no AND h.project_no IN (0, r.project_no) AND r.state = 'running' OFFSET 0) s"
        " WHERE h.until IS NULL OR h.until > now() ORDER BY s.sandbox_id, h.cause DESC LIMIT $1",
        DM_PG_ROWS};

int dm_held_running(dm_pg *c, int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(limit)};
    return dm_pg_exec(c, &running, args, DM_LEN(args), rows, NULL, err);
}
