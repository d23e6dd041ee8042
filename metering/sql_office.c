#include "metering/sql_office.h"

#include <stdio.h>

#define SESSION "meter-"
#define FREE                                                                                                           \
    "(h.name = $2 OR h.left_at IS NOT NULL OR NOT EXISTS (SELECT FROM dm.meter_here m"                                 \
    "  WHERE m.owner = h.owner AND m.beat_at > now() - $3::bigint * interval '1 second'))"

void dm_office_session(const char *owner, char out[DM_OFFICE_SESSION])
{
    (void)snprintf(out, DM_OFFICE_SESSION, SESSION "%s", owner);
}

int dm_sql_office_here(dm_pg *c, const dm_office_who *who, dm_err *err)
{
    static const dm_pg_stmt st = {"office_here",
            "INSERT INTO dm.meter_here (name, owner, version, reaches) VALUES ($1, $2::uuid, $3, $4::boolean)"
            " ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, version = excluded.version,"
            " reaches = excluded.reaches, beat_at = now()",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_c(who->name), dm_pa_c(who->owner), dm_pa_c(who->version), dm_pa_bool(who->reaches)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_office_gone(dm_pg *c, const char *owner, dm_err *err)
{
    static const dm_pg_stmt st = {"office_gone",
            "UPDATE dm.meter_here SET reaches = false, beat_at = 'epoch' WHERE owner = $1::uuid", DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_c(owner)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_office_free(dm_pg *c, const dm_office_who *who, int64_t silent_s, bool *free, dm_err *err)
{
    static const dm_pg_stmt st = {"office_free",
            "WITH o AS MATERIALIZED (SELECT h.owner, " FREE " AS free FROM dm.meter_holder h)"
            " SELECT coalesce((SELECT free FROM o), true), (SELECT count(pg_terminate_backend(a.pid)) FROM o"
            "  JOIN pg_stat_activity a ON a.usename = current_user AND a.application_name = '" SESSION "' || o.owner"
            "  WHERE o.free AND o.owner <> $1::uuid)",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_c(who->owner), dm_pa_c(who->name), dm_pa_i64(silent_s)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *free = dm_pg_bool(rows, 0, 0);
    return r;
}

int dm_sql_office_take(dm_pg *c, const dm_office_who *who, int64_t silent_s, bool *taken, dm_err *err)
{
    static const dm_pg_stmt st = {"office_take",
            "INSERT INTO dm.meter_holder AS h (owner, name) VALUES ($1::uuid, $2) ON CONFLICT (one) DO UPDATE"
            " SET owner = excluded.owner, name = excluded.name, left_at = NULL WHERE " FREE,
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_c(who->owner), dm_pa_c(who->name), dm_pa_i64(silent_s)};
    int64_t changed = 0;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), NULL, &changed, err);
    if (r == 0)
        *taken = changed == 1;
    return r;
}

int dm_sql_office_leave(dm_pg *c, const char *owner, dm_err *err)
{
    static const dm_pg_stmt st = {
            "office_leave", "UPDATE dm.meter_holder SET left_at = now() WHERE owner = $1::uuid", DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_c(owner)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_office_other(dm_pg *c, const char *owner, int64_t silent_s, bool *other, dm_err *err)
{
    static const dm_pg_stmt st = {"office_other",
            "SELECT EXISTS (SELECT FROM dm.meter_here WHERE owner <> $1::uuid AND reaches"
            " AND beat_at > now() - $2::bigint * interval '1 second')",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_c(owner), dm_pa_i64(silent_s)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *other = dm_pg_bool(rows, 0, 0);
    return r;
}
