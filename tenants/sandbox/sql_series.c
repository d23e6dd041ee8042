#include <stdio.h>

#include "base/wire/cause.h"

#include "tenants/sandbox/series.h"

/* --- writing ------------------------------------------------------------------------------------------------ */

/* One instance at a time; the others find it done. From where to where: whole minutes. */
static const dm_pg_stmt due = {"series_due",
        "SELECT dm.us(f), dm.us(t) FROM (SELECT date_trunc('minute', now() - $1 * interval '1 second') AS t) u,"
        " LATERAL (SELECT greatest(coalesce((SELECT max(at) + interval '1 min' FROM dm.series_step WHERE step_s = 60),"
        "   t - interval '1 min'), t - interval '1 hour') AS f) v"
        " WHERE f < t AND pg_try_advisory_xact_lock(hashtext('dm.series'))",
        DM_PG_MAYBE};

/* Each by an index of all tenants: when they were created (sandbox_created), and when those that have ended were
 * written last (sandbox_changed_ended). What ran is as the last of the minutes left it. */
static const dm_pg_stmt minutes = {"series_minutes",
        "WITH n AS ("
        " SELECT account_no, project_no, date_trunc('minute', created_at) AS at, count(*) AS created, 0 AS failed,"
        "  0 AS running FROM dm.sandbox WHERE created_at >= dm.ts($1) AND created_at < dm.ts($2) GROUP BY 1, 2, 3"
        " UNION ALL SELECT account_no, project_no, date_trunc('minute', changed_at), 0, count(*), 0 FROM dm.sandbox"
        "  WHERE state = 'ended' AND changed_at >= dm.ts($1) AND changed_at < dm.ts($2) AND cause = ANY ($3::text[])"
        "  GROUP BY 1, 2, 3"
        " UNION ALL SELECT account_no, project_no, dm.ts($2) - interval '1 min', 0, 0, running FROM dm.quota_use"
        "  WHERE project_no <> 0 AND running > 0)"
        " INSERT INTO dm.project_series (account_no, project_no, step_s, at, created, failed, running)"
        " SELECT account_no, project_no, 60, at, sum(created), sum(failed), sum(running) FROM n GROUP BY 1, 2, 4"
        " ON CONFLICT (account_no, project_no, step_s, at) DO UPDATE SET created = excluded.created,"
        " failed = excluded.failed, running = excluded.running",
        DM_PG_NONE};
static const dm_pg_stmt steps = {"series_steps",
        "INSERT INTO dm.series_step (step_s, at, looked) SELECT 60, at, at = dm.ts($2) - interval '1 min'"
        " FROM generate_series(dm.ts($1), dm.ts($2) - interval '1 min', interval '1 min') at ON CONFLICT DO NOTHING",
        DM_PG_NONE};

/* The hours that were over with them. */
#define HOURS " step_s = 60 AND at >= date_trunc('hour', dm.ts($1)) AND at < date_trunc('hour', dm.ts($2))"
static const dm_pg_stmt hours = {"series_hours",
        "INSERT INTO dm.project_series (account_no, project_no, step_s, at, created, failed, refused, running)"
        " SELECT account_no, project_no, 3600, date_trunc('hour', at), sum(created), sum(failed), sum(refused),"
        " max(running) FROM dm.project_series WHERE" HOURS " GROUP BY 1, 2, 4"
        " ON CONFLICT (account_no, project_no, step_s, at) DO UPDATE SET created = excluded.created,"
        " failed = excluded.failed, refused = excluded.refused, running = excluded.running",
        DM_PG_NONE};
static const dm_pg_stmt hour_steps = {"series_hour_steps",
        "INSERT INTO dm.series_step (step_s, at, looked) SELECT 3600, date_trunc('hour', at), bool_or(looked)"
        " FROM dm.series_step WHERE" HOURS " GROUP BY 2 ON CONFLICT DO NOTHING",
        DM_PG_NONE};

#define TOO_OLD                                                                                                        \
    " (step_s = 60 AND at < dm.ts($1) - $2 * interval '1 min') OR (step_s = 3600 AND at < dm.ts($1) - $3 * interval "  \
    "'1 hour')"
static const dm_pg_stmt forget = {"series_forget", "DELETE FROM dm.project_series WHERE" TOO_OLD, DM_PG_NONE};
static const dm_pg_stmt forget_steps = {"series_forget_steps", "DELETE FROM dm.series_step WHERE" TOO_OLD, DM_PG_NONE};

enum { CAUSES_TEXT = 1024 };

/* "{host_lost,vmm_crashed}" */
static void list_ours(char out[CAUSES_TEXT])
{
    size_t at = 0;
    for (dm_cause i = DM_CAUSE_NONE + 1; i < DM_CAUSE_COUNT; i++) {
        const dm_cause_row *row = dm_cause_get(i);
        if (row->whose == DM_WHOSE_OURS)
            at += (size_t)snprintf(out + at, CAUSES_TEXT - at, "%s%s", at > 0 ? "," : "{", row->name);
    }
    (void)snprintf(out + at, CAUSES_TEXT - at, "}");
}

static int write_all(dm_pg *c, int64_t from_us, int64_t to_us, dm_err *err)
{
    char ours[CAUSES_TEXT];
    list_ours(ours);
    const dm_pg_arg span[] = {dm_pa_i64(from_us), dm_pa_i64(to_us), dm_pa_c(ours)},
                    age[] = {dm_pa_i64(to_us), dm_pa_i64(DM_SERIES_MINUTES), dm_pa_i64(DM_SERIES_HOURS)};
    int r = dm_pg_exec(c, &minutes, span, 3, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &steps, span, 2, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &hours, span, 2, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &hour_steps, span, 2, NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &forget, age, DM_LEN(age), NULL, NULL, err);
    return r < 0 ? r : dm_pg_exec(c, &forget_steps, age, DM_LEN(age), NULL, NULL, err);
}

int dm_series_write(dm_pg *c, int64_t margin_s, int64_t *written, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(margin_s)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    *written = 0;
    int r = dm_pg_exec(c, &due, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0 || dm_pg_count(rows) == 0)
        return r;
    int64_t from_us = dm_pg_i64(rows, 0, 0), to_us = dm_pg_i64(rows, 0, 1);
    r = write_all(c, from_us, to_us, err);
    if (r == 0)
        *written = (to_us - from_us) / 60000000;
    return r;
}

/* --- reading ------------------------------------------------------------------------------------------------ */

static const dm_pg_stmt points = {"series_read",
        "SELECT dm.us(t.at) / 1000000, t.looked, coalesce(p.created, 0), coalesce(p.failed, 0), coalesce(p.refused, 0),"
        " coalesce(p.running, 0) FROM (SELECT at, looked FROM dm.series_step WHERE step_s = $3 ORDER BY at DESC"
        "  LIMIT $4) t LEFT JOIN dm.project_series p ON p.account_no = $1 AND p.project_no = $2 AND p.step_s = $3"
        "  AND p.at = t.at ORDER BY t.at",
        DM_PG_ROWS};

int dm_series_read(dm_pg *c, dm_owner owner, int64_t step_s, size_t most, dm_series_point *out, size_t *n, dm_err *err)
{
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(step_s), dm_pa_i64((int64_t)most)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &points, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *n = dm_pg_count(rows);
    for (size_t i = 0; i < *n; i++)
        out[i] = (dm_series_point){.at_s = dm_pg_i64(rows, i, 0),
                .looked = dm_pg_bool(rows, i, 1),
                .created = dm_pg_i64(rows, i, 2),
                .failed = dm_pg_i64(rows, i, 3),
                .refused = dm_pg_i64(rows, i, 4),
                .running = dm_pg_i64(rows, i, 5)};
    return 0;
}
