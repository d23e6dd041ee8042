#include "tenants/who/attempt.h"

/* clock_timestamp(), since who waited for the row's lock comes later than his transaction. */
static const dm_pg_stmt take = {"attempt_take",
        "INSERT INTO dm.attempt AS a (name, failures, next_at, last_at) VALUES ($1, 1, clock_timestamp(), "
        "clock_timestamp())"
        " ON CONFLICT (name) DO UPDATE SET last_at = clock_timestamp(),"
        "  failures = CASE WHEN a.last_at < clock_timestamp() - interval '1 day' THEN 1 ELSE a.failures + 1 END,"
        "  next_at = clock_timestamp() + CASE WHEN a.last_at < clock_timestamp() - interval '1 day'"
        "    OR a.failures + 1 < $2::int THEN interval '0'"
        "   ELSE make_interval(secs => least(900, 2 ^ least(a.failures + 1 - $2::int, 10))) END"
        " WHERE a.next_at <= clock_timestamp() RETURNING failures",
        DM_PG_MAYBE};
static const dm_pg_stmt left = {"attempt_left",
        "SELECT greatest(1, ceil(extract(epoch FROM next_at - clock_timestamp())))::bigint FROM dm.attempt WHERE name "
        "= $1",
        DM_PG_MAYBE};
static const dm_pg_stmt give_back = {"attempt_give_back",
        "UPDATE dm.attempt SET failures = greatest(failures - 1, 0), next_at = clock_timestamp() WHERE name = $1",
        DM_PG_NONE};
/* Two old ones for each new one at most: what is kept is what a day brings. */
static const dm_pg_stmt sweep = {"attempt_sweep",
        "DELETE FROM dm.attempt WHERE name IN (SELECT name FROM dm.attempt WHERE last_at < now() - interval '1 day'"
        " ORDER BY last_at LIMIT 2 FOR UPDATE SKIP LOCKED)",
        DM_PG_NONE};

int dm_attempt_of(const char *kind, dm_str what, int32_t free, dm_attempt *out, dm_err *err)
{
    const dm_str parts[] = {dm_str_c(kind), DM_STR(":"), what};
    out->free = free;
    return dm_sha256_parts(parts, DM_LEN(parts), &out->name, err);
}

static int take_one(dm_pg *c, const dm_attempt *a, int64_t *wait_s, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_bytes(a->name.b, sizeof a->name.b), dm_pa_i64(a->free)};
    DM_AUTO(dm_pg_rows) taken = NULL;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &take, args, DM_LEN(args), &taken, NULL, err);
    if (r < 0 || dm_pg_count(taken) == 1)
        return r;
    r = dm_pg_exec(c, &left, args, 1, &rows, NULL, err);
    if (r < 0)
        return r;
    *wait_s = dm_pg_count(rows) == 1 ? dm_pg_i64(rows, 0, 0) : 1;
    return DM_ATTEMPT_WAIT;
}

int dm_attempt_take(dm_pg *c, const dm_attempt *all, size_t n, int64_t *wait_s, dm_err *err)
{
    int r = dm_pg_exec(c, &sweep, NULL, 0, NULL, NULL, err);
    for (size_t i = 0; r == 0 && i < n; i++)
        r = take_one(c, &all[i], wait_s, err);
    return r;
}

int dm_attempt_give_back(dm_pg *c, const dm_attempt *all, size_t n, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        const dm_pg_arg arg = dm_pa_bytes(all[i].name.b, sizeof all[i].name.b);
        r = dm_pg_exec(c, &give_back, &arg, 1, NULL, NULL, err);
    }
    return r;
}
