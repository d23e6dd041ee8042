#include "tenants/sandbox/sql.h"

static const dm_pg_stmt next = {"instance_new", "SELECT nextval('dm.api_instance')", DM_PG_ONE};
static const dm_pg_stmt lock = {
        "instance_lock", "SELECT pg_try_advisory_lock(" DM_SQL_INSTANCE_CLASS ", $1::int)", DM_PG_ONE};

typedef struct locking {
    int64_t no;
    bool fresh;
} locking;

static int lock_tx(dm_pg *c, void *arg, dm_err *err)
{
    locking *l = arg;
    DM_AUTO(dm_pg_rows) number = NULL;
    DM_AUTO(dm_pg_rows) locked = NULL;
    int r = l->fresh ? dm_pg_exec(c, &next, NULL, 0, &number, NULL, err) : 0;
    if (r < 0)
        return r;
    if (l->fresh)
        l->no = dm_pg_i64(number, 0, 0);
    const dm_pg_arg args[] = {dm_pa_i64(l->no)};
    r = dm_pg_exec(c, &lock, args, DM_LEN(args), &locked, NULL, err);
    if (r == 0 && !dm_pg_bool(locked, 0, 0))
        return dm_fail(err, DM_E_CONFLICT, "instance %lld lives already", (long long)l->no);
    return r;
}

static int take(dm_pg *c, locking *l, dm_err *err)
{
    static const dm_pg_scope nobody = {.read_only = false};
    return dm_pg_tx_on(c, &nobody, lock_tx, l, err);
}

int dm_instance_new(dm_pg *c, int64_t *no, dm_err *err)
{
    locking l = {.fresh = true};
    int r = take(c, &l, err);
    if (r == 0)
        *no = l.no;
    return r;
}

int dm_instance_lock(dm_pg *c, int64_t no, dm_err *err)
{
    locking l = {.no = no};
    return take(c, &l, err);
}

static const dm_pg_stmt live = {"instance_count",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = " DM_SQL_INSTANCE_CLASS
        " AND objsubid = 2 AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        DM_PG_ONE};

int dm_instance_count(dm_pg *c, int64_t *n, dm_err *err)
{
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &live, NULL, 0, &rows, NULL, err);
    if (r == 0)
        *n = dm_pg_i64(rows, 0, 0);
    return r;
}

static const dm_pg_stmt orphans = {"sandbox_orphans",
        "SELECT s.sandbox_id FROM dm.sandbox s WHERE s.state IN ('starting', 'pausing', 'resuming', 'ending')"
        " AND (s.changed_at < now() - $2 * interval '1 second' OR " DM_SQL_NOBODYS(
                "s.ordered_by") ")"
                                " ORDER BY s.changed_at LIMIT $3",
        DM_PG_ROWS};

int dm_sandbox_orphans(dm_pg *c, int64_t own, int64_t stuck_s, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(own), dm_pa_i64(stuck_s), dm_pa_i64(DM_ORPHANS_MAX)};
    return dm_pg_exec(c, &orphans, args, DM_LEN(args), rows, NULL, err);
}

/* Asked each second, and nearly always of no worker: worker by worker, so that then nothing is looked at, whatever
 * share of all that live the planner believes to be on one. */
static const dm_pg_stmt lost = {"sandbox_lost",
        "SELECT l.sandbox_id, l.worker_no FROM (SELECT w.worker_no FROM dm.worker w"
        "  WHERE w.state = 'written_off' AND $1::bigint IN (0, w.worker_no) OFFSET 0) w, LATERAL (SELECT s.sandbox_id,"
        "  s.worker_no FROM dm.sandbox s WHERE s.state <> 'ended' AND s.worker_no = w.worker_no OFFSET 0) l"
        " ORDER BY 1 LIMIT $2",
        DM_PG_ROWS};

int dm_sandbox_lost(dm_pg *c, dm_worker_no worker, int64_t limit, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64((int64_t)worker.v), dm_pa_i64(limit)};
    return dm_pg_exec(c, &lost, args, DM_LEN(args), rows, NULL, err);
}
