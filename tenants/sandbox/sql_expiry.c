#include <stdio.h>

#include "base/parse.h"

#include "tenants/sandbox/expiry.h"
#include "tenants/sandbox/sandbox.h"
#include "tenants/who/keepers.h"

enum { SHOWN = 10 }; /* sandboxes that a letter names */

static const char policy[] = "policy:retention";

/* A day is 24 hours, whatever a summer does to it. */
#define DAYS(owner) "dm.asleep_days(" owner ".account_no, " owner ".project_no) * interval '24 h'"
/* Nothing of it can be woken: whom a notice asks to do so could not. */
#define HELD(owner)                                                                                                    \
    "(EXISTS (SELECT FROM dm.hold h WHERE h.account_no = " owner ".account_no AND h.project_no IN (0, " owner          \
    ".project_no) AND (h.until IS NULL OR h.until > now())) OR EXISTS (SELECT FROM dm.account a WHERE a.account_no "   \
    "= " owner ".account_no AND (a.banned OR a.blocked IS NOT NULL)))"
/* Of a sandbox s and its notice e; null: not. */
#define STANDS                                                                                                         \
    "(s.state = 'paused' AND s.epoch = e.epoch AND s.paused_at + " DAYS("s") " <= e.expires_at AND NOT " HELD("s") ")"
#define SAME(a, b)                                                                                                     \
    a ".account_no = " b ".account_no AND " a ".project_no = " b ".project_no AND " a ".sandbox_id = " b ".sandbox_id"
/* Of a project p: sleepers that are to be told of, and have not been. $N: the notice, in seconds. */
#define UNTOLD(n)                                                                                                      \
    "s.account_no = p.account_no AND s.project_no = p.project_no AND s.state = 'paused'"                               \
    " AND s.paused_at <= now() + " n " * interval '1 s' + interval '24 h' - " DAYS(                                    \
            "p") " AND NOT EXISTS (SELECT FROM dm.expiry e WHERE " SAME("e", "s") " AND e.epoch = s.epoch)"

/* --- which projects ----------------------------------------------------------------------------------------- */

static const dm_pg_stmt window = {"expiry_window",
        "SELECT max(w.project_no)::bigint FROM"
        " (SELECT project_no FROM dm.project WHERE project_no > $1 ORDER BY project_no LIMIT $2) w",
        DM_PG_ONE};
/* clang-format off */
static const dm_pg_stmt void_some = {"expiry_void",
        "DELETE FROM dm.expiry d USING (SELECT e.account_no, e.project_no, e.sandbox_id FROM dm.project p"
        " JOIN dm.expiry e ON e.account_no = p.account_no AND e.project_no = p.project_no"
        " LEFT JOIN dm.sandbox s ON " SAME("s", "e")
        " WHERE p.project_no > $1 AND p.project_no <= $2 AND " STANDS " IS NOT TRUE"
        " ORDER BY 1, 2, 3 LIMIT $3) v WHERE " SAME("d", "v"),
        DM_PG_NONE};
/* clang-format on */
/* OFFSET 0: the days are looked for once a project. */
static const dm_pg_stmt projects = {"expiry_projects",
        "SELECT p.account_no, p.project_no::bigint FROM (SELECT account_no, project_no,"
        " dm.asleep_days(account_no, project_no) AS days FROM dm.project"
        "  WHERE project_no > $1 AND project_no <= $2 AND removed_at IS NULL OFFSET 0) p"
        " WHERE p.days IS NOT NULL AND NOT EXISTS (SELECT FROM dm.expiry_day d WHERE d.account_no = p.account_no"
        "  AND d.project_no = p.project_no AND d.noticed_on >= (now() AT TIME ZONE 'UTC')::date)"
        " AND EXISTS (SELECT FROM dm.sandbox s WHERE " UNTOLD("$3") ") AND NOT " HELD("p") " ORDER BY p.project_no",
        DM_PG_ROWS};

int dm_expiry_window(dm_pg *c, int64_t after, int64_t *upto, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(DM_EXPIRY_PROJECTS)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &window, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_is_null(rows, 0, 0))
        return r < 0 ? r : DM_EXPIRY_NONE;
    *upto = dm_pg_i64(rows, 0, 0);
    return 0;
}

int dm_expiry_void(dm_pg *c, int64_t after, int64_t upto, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(upto), dm_pa_i64(DM_EXPIRIES_MAX)};
    return dm_pg_exec(c, &void_some, args, DM_LEN(args), NULL, NULL, err);
}

int dm_expiry_projects(dm_pg *c, int64_t after, int64_t upto, int64_t notice_s, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(after), dm_pa_i64(upto), dm_pa_i64(notice_s)};
    return dm_pg_exec(c, &projects, args, DM_LEN(args), rows, NULL, err);
}

dm_owner dm_expiry_owner(const dm_pg_rows *rows, size_t i)
{
    return (dm_owner){{dm_pg_i64(rows, i, 0)}, {dm_pg_i64(rows, i, 1)}};
}

/* --- notices ------------------------------------------------------------------------------------------------ */

/* Who comes second waits for the first one's commit, and finds that the day has had its letter. */
static const dm_pg_stmt day = {"expiry_day",
        "INSERT INTO dm.expiry_day (account_no, project_no, noticed_on)"
        " VALUES ($1, $2, (now() AT TIME ZONE 'UTC')::date) ON CONFLICT (account_no, project_no)"
        " DO UPDATE SET noticed_on = excluded.noticed_on WHERE expiry_day.noticed_on < excluded.noticed_on"
        " RETURNING noticed_on::text",
        DM_PG_MAYBE};
/* clang-format off */
static const dm_pg_stmt notice = {"expiry_notice",
        "WITH n AS (INSERT INTO dm.expiry (account_no, project_no, sandbox_id, epoch, noticed_at, expires_at)"
        " SELECT s.account_no, s.project_no, s.sandbox_id, s.epoch, now(),"
        "  greatest(s.paused_at + " DAYS("p") ", now() + $3 * interval '1 s')"
        " FROM dm.project p, dm.sandbox s"
        " WHERE p.account_no = $1 AND p.project_no = $2 AND NOT " HELD("p") " AND " UNTOLD("$3")
        " ORDER BY s.paused_at LIMIT $4"
        " ON CONFLICT (account_no, project_no, sandbox_id) DO UPDATE SET epoch = excluded.epoch,"
        "  noticed_at = excluded.noticed_at, expires_at = excluded.expires_at RETURNING sandbox_id, expires_at)"
        " SELECT count(*) OVER (), sandbox_id, dm.us(expires_at) FROM n ORDER BY expires_at, sandbox_id LIMIT $5",
        DM_PG_ROWS};
/* clang-format on */
static const dm_pg_stmt whose = {"expiry_whose",
        "SELECT slug, id, dm.asleep_days(account_no, project_no) FROM dm.project"
        " WHERE account_no = $1 AND project_no = $2",
        DM_PG_ONE};

/* Names and days of the first ones. */
static int list_some(const dm_pg_rows *noticed, dm_buf *out, dm_err *err)
{
    int64_t all = dm_pg_i64(noticed, 0, 0);
    size_t n = dm_pg_count(noticed);
    for (size_t i = 0; i < n; i++) {
        char at[32];
        dm_sandbox_id id;
        int r = dm_pg_bytes(noticed, i, 1, id.b, sizeof id.b, err);
        if (r < 0)
            return r;
        dm_rfc3339(dm_pg_i64(noticed, i, 2), at);
        (void)dm_buf_fmt(out, "  %s  on %s\n", dm_sandbox_name_of(&id).s, at);
    }
    if (all > (int64_t)n)
        (void)dm_buf_fmt(out, "  and %lld more\n", (long long)(all - (int64_t)n));
    return dm_buf_ok(out, err);
}

/* The project is called by its slug: a name is anybody's words. */
static int write_body(const dm_pg_rows *of, const dm_pg_rows *noticed, dm_buf *out, dm_err *err)
{
    const dm_str slug = dm_pg_str(of, 0, 0);
    (void)dm_buf_fmt(out,
            "Sandboxes of the project %.*s may sleep for %lld days. Of these the days are\n"
            "nearly over, %lld in all; each is then deleted, with its memory and files:\n\n",
            (int)slug.n, slug.p, (long long)dm_pg_i64(of, 0, 2), (long long)dm_pg_i64(noticed, 0, 0));
    int r = list_some(noticed, out, err);
    (void)dm_buf_fmt(out,
            "\nWake one (connect to it) to keep it: its days begin anew when it sleeps again.\n"
            "GET /v1/projects/%.*s/sandboxes says of each when it is deleted, in expires_at.\n",
            (int)slug.n, slug.p);
    return r < 0 ? r : dm_buf_ok(out, err);
}

static int write_letters(
        dm_pg *c, dm_owner owner, dm_str today, const dm_pg_rows *noticed, int64_t *letters, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v)};
    DM_AUTO(dm_pg_rows) of = NULL;
    DM_AUTO_BUF body;
    char cause[100], subject[120];
    dm_buf_init(&body, 4096);
    int r = dm_pg_exec(c, &whose, args, DM_LEN(args), &of, NULL, err);
    if (r == 0)
        r = write_body(of, noticed, &body, err);
    if (r < 0)
        return r;
    const dm_str slug = dm_pg_str(of, 0, 0), id = dm_pg_str(of, 0, 1);
    (void)snprintf(cause, sizeof cause, "retention:%.*s:%.*s", (int)id.n, id.p, (int)today.n, today.p);
    (void)snprintf(subject, sizeof subject, "Sandboxes of %.*s will be deleted", (int)slug.n, slug.p);
    return dm_keepers_tell(
            c, owner, &(dm_keepers_letter){.cause = cause, .subject = subject, .body = body.p}, letters, err);
}

int dm_expiry_notice(dm_pg *c, dm_owner owner, int64_t notice_s, dm_expiry_told *told, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(notice_s),
            dm_pa_i64(DM_EXPIRY_NOTICES_MAX), dm_pa_i64(SHOWN)};
    DM_AUTO(dm_pg_rows) today = NULL;
    DM_AUTO(dm_pg_rows) noticed = NULL;
    int r = dm_pg_exec(c, &day, args, 2, &today, NULL, err);
    if (r < 0 || dm_pg_count(today) == 0)
        return r < 0 ? r : DM_EXPIRY_NONE;
    r = dm_pg_exec(c, &notice, args, DM_LEN(args), &noticed, NULL, err);
    if (r < 0 || dm_pg_count(noticed) == 0)
        return r < 0 ? r : DM_EXPIRY_NONE; /* and the day may still have its letter */
    told->sandboxes = dm_pg_i64(noticed, 0, 0);
    return write_letters(c, owner, dm_pg_str(today, 0, 0), noticed, &told->letters, err);
}

/* --- the end ------------------------------------------------------------------------------------------------ */

static const dm_pg_stmt due = {"expiries_due",
        "SELECT account_no, project_no::bigint, sandbox_id FROM dm.expiry WHERE expires_at <= now()"
        " ORDER BY expires_at LIMIT $1",
        DM_PG_ROWS};
/* Whoever wakes it waits, or is waited for: the next statement sees what came of that. */
static const dm_pg_stmt lock = {"expiry_lock",
        "SELECT 1 FROM dm.sandbox WHERE account_no = $1 AND project_no = $2 AND sandbox_id = $3 FOR UPDATE",
        DM_PG_MAYBE};
static const dm_pg_stmt take = {"expiry_take",
        "DELETE FROM dm.expiry e WHERE account_no = $1 AND project_no = $2 AND sandbox_id = $3 AND expires_at <= now()"
        " RETURNING noticed_at + $4 * interval '1 s' <= now() AND (SELECT " STANDS
        " FROM dm.sandbox s WHERE " SAME("s", "e") ") IS TRUE",
        DM_PG_MAYBE};

int dm_expiries_due(dm_pg *c, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg most = dm_pa_i64(DM_EXPIRIES_MAX);
    return dm_pg_exec(c, &due, &most, 1, rows, NULL, err);
}

int dm_expiry_due_read(const dm_pg_rows *rows, size_t i, dm_expiry_due *out, dm_err *err)
{
    *out = (dm_expiry_due){.owner = dm_expiry_owner(rows, i)};
    return dm_pg_bytes(rows, i, 2, out->sandbox.b, sizeof out->sandbox.b, err);
}

int dm_expiry_end_one(dm_pg *c, const dm_expiry_due *d, int64_t notice_s, int64_t now_us, bool *ended, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(d->owner.account.v), dm_pa_i64(d->owner.project.v),
            dm_pa_bytes(d->sandbox.b, sizeof d->sandbox.b), dm_pa_i64(notice_s)};
    DM_AUTO(dm_pg_rows) locked = NULL;
    DM_AUTO(dm_pg_rows) taken = NULL;
    *ended = false;
    int r = dm_pg_exec(c, &lock, args, 3, &locked, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &take, args, DM_LEN(args), &taken, NULL, err);
    if (r < 0 || dm_pg_count(taken) == 0)
        return r < 0 ? r : DM_EXPIRY_NONE;
    if (!dm_pg_bool(taken, 0, 0))
        return 0;
    r = dm_sandbox_expire(c, &d->sandbox, policy, now_us, err);
    if (r == 0)
        *ended = true;
    return r < 0 ? r : 0;
}
