#include <stdio.h>

#include "base/parse.h"

#include "tenants/plan/audit.h"
#include "tenants/sandbox/removal.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/who/keepers.h"

static const char policy[] = "policy:removal";

static int audit(dm_pg *c, dm_owner owner, const char *who, const char *verb, dm_str slug, dm_str detail, dm_err *err)
{
    char object[80];
    (void)snprintf(object, sizeof object, "project:%.*s", (int)(slug.n < 64 ? slug.n : 64), slug.p);
    const dm_audit line = {.owner = owner, .who = who, .verb = verb, .object = object, .detail = detail};
    return dm_audit_add(c, &line, err);
}

/* --- asked for, and taken back ------------------------------------------------------------------------------ */

static const dm_pg_stmt lock = {"removal_lock",
        "SELECT slug, name, id, removal_at IS NOT NULL FROM dm.project WHERE account_no = $1 AND project_no = $2"
        " FOR NO KEY UPDATE",
        DM_PG_ONE};
static const dm_pg_stmt ask = {"removal_ask",
        "UPDATE dm.project SET removal_at = now(), removal_by = $3, removal_ends = now() + $4 * interval '1 s'"
        " WHERE account_no = $1 AND project_no = $2 RETURNING dm.us(removal_at), dm.us(removal_ends)",
        DM_PG_ONE};
/* The clock is asked once more by whoever has waited for the row: what has begun to end is not taken back. */
static const dm_pg_stmt undo = {"removal_undo",
        "UPDATE dm.project SET removal_at = NULL, removal_by = '', removal_ends = NULL"
        " WHERE account_no = $1 AND project_no = $2 AND removal_ends > clock_timestamp() RETURNING slug",
        DM_PG_MAYBE};

typedef struct asked {
    dm_str slug, id;
    int64_t at_us;
    char ends[32];
} asked;

/* The project is called by its slug: a name is anybody's words. */
static int write_letters(dm_pg *c, dm_owner owner, const asked *a, dm_err *err)
{
    char cause[100], subject[120];
    int64_t letters;
    DM_AUTO_BUF body;
    dm_buf_init(&body, 4096);
    (void)snprintf(cause, sizeof cause, "removal:%.*s:%lld", (int)a->id.n, a->id.p, (long long)a->at_us);
    (void)snprintf(subject, sizeof subject, "Your project %.*s will be removed", (int)a->slug.n, a->slug.p);
    (void)dm_buf_fmt(&body,
            "An owner of its account asked that the project %.*s be removed.\n\n"
            "Its sandboxes sleep from now on, and nothing of it can be created or woken.\n"
            "On %s they are deleted, with their memory and files, and its keys\n"
            "and members go. Until then an owner or admin can take it back, in the console or by\n"
            "POST /v1/projects/%.*s/restore. Statements and the audit stay.\n",
            (int)a->slug.n, a->slug.p, a->ends, (int)a->slug.n, a->slug.p);
    const dm_keepers_letter letter = {.cause = cause, .subject = subject, .body = body.p};
    int r = dm_buf_ok(&body, err);
    return r < 0 ? r : dm_keepers_tell(c, owner, &letter, &letters, err);
}

int dm_removal_ask(dm_pg *c, const dm_caller *by, dm_str typed, int64_t notice_s, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v), dm_pa_c(by->who), dm_pa_i64(notice_s)};
    DM_AUTO(dm_pg_rows) was = NULL;
    DM_AUTO(dm_pg_rows) is = NULL;
    char detail[64];
    int r = dm_pg_exec(c, &lock, args, 2, &was, NULL, err);
    if (r < 0)
        return r;
    if (!dm_str_eq(typed, dm_pg_str(was, 0, 0)) && !dm_str_eq(typed, dm_pg_str(was, 0, 1)))
        return DM_REMOVAL_WORD;
    if (dm_pg_bool(was, 0, 3))
        return 0;
    r = dm_pg_exec(c, &ask, args, DM_LEN(args), &is, NULL, err);
    if (r < 0)
        return r;
    asked a = {.slug = dm_pg_str(was, 0, 0), .id = dm_pg_str(was, 0, 2), .at_us = dm_pg_i64(is, 0, 0)};
    dm_rfc3339(dm_pg_i64(is, 0, 1), a.ends);
    (void)snprintf(detail, sizeof detail, "{\"ends_at\": \"%s\"}", a.ends);
    r = audit(c, by->owner, by->who, "project.remove", a.slug, dm_str_c(detail), err);
    return r < 0 ? r : write_letters(c, by->owner, &a, err);
}

int dm_removal_undo(dm_pg *c, const dm_caller *by, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(by->owner.account.v), dm_pa_i64(by->owner.project.v)};
    DM_AUTO(dm_pg_rows) was = NULL;
    DM_AUTO(dm_pg_rows) is = NULL;
    int r = dm_pg_exec(c, &lock, args, DM_LEN(args), &was, NULL, err);
    if (r == 0 && !dm_pg_bool(was, 0, 3))
        return DM_REMOVAL_NONE;
    if (r == 0)
        r = dm_pg_exec(c, &undo, args, DM_LEN(args), &is, NULL, err);
    if (r < 0)
        return r;
    return dm_pg_count(is) == 0
                   ? DM_REMOVAL_OVER
                   : audit(c, by->owner, by->who, "project.restore", dm_pg_str(is, 0, 0), (dm_str){NULL, 0}, err);
}

/* --- carried out -------------------------------------------------------------------------------------------- */

/* A row a sandbox that is to be ended; of a project that has none, one. What only starts now ends or runs, and is met
 * in another round. */
static const dm_pg_stmt due = {"removals_due",
        "SELECT p.account_no, p.project_no::bigint, s.sandbox_id FROM dm.project p LEFT JOIN LATERAL"
        " (SELECT b.sandbox_id FROM dm.sandbox b WHERE b.account_no = p.account_no AND b.project_no = p.project_no"
        "  AND b.state <> 'ended' AND b.state <> 'ending' LIMIT $1) s ON true"
        " WHERE p.removal_at IS NOT NULL AND p.removed_at IS NULL AND p.removal_ends <= now()"
        " ORDER BY p.removal_ends LIMIT $1",
        DM_PG_ROWS};
static const dm_pg_stmt is_over = {"removal_is_over",
        "SELECT 1 FROM dm.project WHERE account_no = $1 AND project_no = $2 AND removed_at IS NULL"
        " AND removal_ends <= clock_timestamp() FOR NO KEY UPDATE",
        DM_PG_MAYBE};
static const dm_pg_stmt removed = {"removal_removed",
        "UPDATE dm.project p SET removed_at = now() WHERE account_no = $1 AND project_no = $2 AND NOT EXISTS"
        " (SELECT FROM dm.sandbox b WHERE b.account_no = $1 AND b.project_no = $2 AND b.state <> 'ended'"
        "  AND b.state <> 'ending') RETURNING slug",
        DM_PG_MAYBE};
static const dm_pg_stmt no_keys = {"removal_no_keys",
        "UPDATE dm.api_key SET revoked_at = now() WHERE account_no = $1 AND project_no = $2 AND revoked_at IS NULL",
        DM_PG_NONE};
static const dm_pg_stmt no_members = {
        "removal_no_members", "DELETE FROM dm.member WHERE account_no = $1 AND project_no = $2", DM_PG_NONE};
static const dm_pg_stmt no_invitations = {"removal_no_invitations",
        "UPDATE dm.invitation SET withdrawn_at = now() WHERE account_no = $1 AND project_no = $2 AND taken_at IS NULL"
        " AND withdrawn_at IS NULL",
        DM_PG_NONE};
/* Their worker is told by the sweep (snapshot.h). One that is still being made is given up. */
static const dm_pg_stmt no_snapshots = {"removal_no_snapshots",
        "UPDATE dm.snapshot SET state = 'going', due_at = now() WHERE account_no = $1 AND project_no = $2"
        " AND state = 'kept'",
        DM_PG_NONE};

int dm_removals_due(dm_pg *c, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg most = dm_pa_i64(DM_REMOVALS_MAX);
    return dm_pg_exec(c, &due, &most, 1, rows, NULL, err);
}

int dm_removal_due_read(const dm_pg_rows *rows, size_t i, dm_removal_due *out, dm_err *err)
{
    *out = (dm_removal_due){
            .owner = {{dm_pg_i64(rows, i, 0)}, {dm_pg_i64(rows, i, 1)}}, .has_sandbox = !dm_pg_is_null(rows, i, 2)};
    return out->has_sandbox ? dm_pg_bytes(rows, i, 2, out->sandbox.b, sizeof out->sandbox.b, err) : 0;
}

/* With its row locked, so that it is not taken back meanwhile. 0 or DM_REMOVAL_NONE. */
static int look_again(dm_pg *c, dm_owner owner, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &is_over, args, DM_LEN(args), &rows, NULL, err);
    return r < 0 || dm_pg_count(rows) == 1 ? r : DM_REMOVAL_NONE;
}

int dm_removal_end_one(dm_pg *c, const dm_removal_due *d, int64_t now_us, dm_err *err)
{
    int r = look_again(c, d->owner, err);
    if (r == 0)
        r = dm_sandbox_expire(c, &d->sandbox, policy, now_us, err);
    return r <= 0 ? r : DM_REMOVAL_NONE;
}

int dm_removal_close(dm_pg *c, dm_owner owner, dm_err *err)
{
    static const dm_pg_stmt *const all[] = {&no_keys, &no_members, &no_invitations, &no_snapshots};
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = look_again(c, owner, err);
    if (r != 0)
        return r;
    r = dm_pg_exec(c, &removed, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0 && dm_pg_count(rows) == 0)
        return DM_REMOVAL_NONE;
    for (size_t i = 0; r == 0 && i < DM_LEN(all); i++)
        r = dm_pg_exec(c, all[i], args, DM_LEN(args), NULL, NULL, err);
    return r < 0 ? r : audit(c, owner, policy, "project.removed", dm_pg_str(rows, 0, 0), (dm_str){NULL, 0}, err);
}
