#include <stddef.h>

#include "tenants/fleet/health.h"

/* The locks of instances are those of tenants/sandbox/sql_orphan.c. */
static const dm_pg_stmt look = {"health_read",
        "SELECT (SELECT max(no) FROM public.dm_migration)::bigint, w.active, w.draining, w.written_off, w.late, "
        "w.refusing,"
        " w.running, w.asleep, l.waiting, l.gave_up,"
        " (SELECT count(*) FROM (SELECT FROM dm.outbox o WHERE o.sent_at IS NULL LIMIT $2) o)"
        " FROM (SELECT count(*) FILTER (WHERE state = 'active') AS active,"
        "   count(*) FILTER (WHERE state = 'draining') AS draining,"
        "   count(*) FILTER (WHERE state = 'written_off') AS written_off,"
        "   count(*) FILTER (WHERE state <> 'written_off' AND beat_at <= now() - $1 * interval '1 second') AS late,"
        "   count(*) FILTER (WHERE state <> 'written_off' AND refusing) AS refusing,"
        "   coalesce(sum(running) FILTER (WHERE state <> 'written_off'), 0)::bigint AS running,"
        "   coalesce(sum(asleep) FILTER (WHERE state <> 'written_off'), 0)::bigint AS asleep FROM dm.worker) w,"
        " dm.letters($2::int) l",
        DM_PG_ONE};
static const dm_pg_field looked[] = {{DM_COL_I64, offsetof(dm_health, schema)},
        {DM_COL_I64, offsetof(dm_health, active)}, {DM_COL_I64, offsetof(dm_health, draining)},
        {DM_COL_I64, offsetof(dm_health, written_off)}, {DM_COL_I64, offsetof(dm_health, late)},
        {DM_COL_I64, offsetof(dm_health, refusing)}, {DM_COL_I64, offsetof(dm_health, running)},
        {DM_COL_I64, offsetof(dm_health, asleep)}, {DM_COL_I64, offsetof(dm_health, letters)},
        {DM_COL_I64, offsetof(dm_health, letters_gave_up)}, {DM_COL_I64, offsetof(dm_health, outbox)}};
static const dm_pg_stmt instances = {"health_instances",
        "SELECT objid::bigint FROM pg_locks WHERE locktype = 'advisory' AND classid = 68 AND objsubid = 2 AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1 LIMIT 1000",
        DM_PG_ROWS};
static const dm_pg_stmt versions = {"health_versions",
        "SELECT coalesce(version, ''), count(*) FROM dm.worker WHERE state <> 'written_off' GROUP BY 1 ORDER BY 1"
        " LIMIT 100",
        DM_PG_ROWS};

int dm_health_read(dm_pg *c, int64_t lease_s, dm_health *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(lease_s), dm_pa_i64(DM_HEALTH_MOST)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &look, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        dm_pg_read(rows, 0, 0, looked, DM_LEN(looked), out);
    return r;
}

int dm_health_instances(dm_pg *c, dm_pg_rows **rows, dm_err *err)
{
    return dm_pg_exec(c, &instances, NULL, 0, rows, NULL, err);
}

int dm_health_versions(dm_pg *c, dm_pg_rows **rows, dm_err *err)
{
    return dm_pg_exec(c, &versions, NULL, 0, rows, NULL, err);
}
