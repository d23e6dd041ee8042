#include <stddef.h>

#include "tenants/plan/denials.h"

static const dm_pg_stmt add = {"denial_add",
        "WITH o AS (SELECT count(*) AS n, max(denial_no) AS newest FROM dm.denial"
        "  WHERE account_no = $1 AND project_no = $2 AND rule = $3 AND at > dm.ts($4) - interval '1 hour'),"
        " u AS (UPDATE dm.denial d SET count = d.count + $6, last_at = greatest(d.last_at, dm.ts($5)) FROM o"
        "  WHERE o.n >= $10 AND d.account_no = $1 AND d.project_no = $2 AND d.denial_no = o.newest RETURNING 1)"
        " INSERT INTO dm.denial (account_no, project_no, rule, at, last_at, count, who, sandbox, denial)"
        " SELECT $1, $2, $3, dm.ts($4), dm.ts($5), $6, $7, $8, $9::jsonb WHERE NOT EXISTS (SELECT FROM u)",
        DM_PG_NONE};

int dm_denial_add(dm_pg *c, dm_owner owner, const dm_denied *d, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(d->rule),
            dm_pa_i64(d->at_us), dm_pa_i64(d->last_us), dm_pa_i64(d->count), dm_pa_text(d->who), dm_pa_text(d->sandbox),
            dm_pa_text(d->denial), dm_pa_i64(DM_DENIALS_HOUR)};
    return dm_pg_exec(c, &add, args, DM_LEN(args), NULL, NULL, err);
}

static const dm_pg_stmt expire = {"denials_expire",
        "DELETE FROM dm.denial WHERE (account_no, project_no, denial_no) IN (SELECT account_no, project_no, denial_no"
        " FROM dm.denial WHERE at < now() - $1 * interval '1 day' ORDER BY at LIMIT 5000)",
        DM_PG_NONE};

int dm_denials_expire(dm_pg *c, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(DM_DENIALS_DAYS)};
    return dm_pg_exec(c, &expire, args, DM_LEN(args), NULL, NULL, err);
}

#define COLUMNS "denial_no, dm.us(at), dm.us(last_at), count, who, sandbox, rule, denial::text"
#define LEFT                                                                                                           \
    " FROM dm.denial WHERE account_no = $1 AND project_no = $2 AND at >= dm.ts($3)"                                    \
    " AND ($4::bigint IS NULL OR at <= dm.ts($4::bigint)) AND ($5::text IS NULL OR rule = $5::text)"

static const dm_pg_stmt count = {"denials_count", DM_PG_COUNT(LEFT), DM_PG_ONE};
static const dm_pg_stmt list = {"denials_list",
        "SELECT " COLUMNS LEFT " AND ($6::bigint = 0 OR denial_no < $6::bigint)"
        " ORDER BY denial_no DESC LIMIT $7",
        DM_PG_ROWS};
static const dm_pg_field fields[] = {
        {DM_COL_I64, offsetof(dm_denied, no)},
        {DM_COL_I64, offsetof(dm_denied, at_us)},
        {DM_COL_I64, offsetof(dm_denied, last_us)},
        {DM_COL_I64, offsetof(dm_denied, count)},
        {DM_COL_STR, offsetof(dm_denied, who)},
        {DM_COL_STR, offsetof(dm_denied, sandbox)},
        {DM_COL_STR, offsetof(dm_denied, rule)},
        {DM_COL_STR, offsetof(dm_denied, denial)},
};

int dm_denials_list(
        dm_pg *c, dm_owner owner, const dm_denials_window *w, dm_pg_rows **rows, dm_pg_total *total, dm_err *err)
{
    enum { OF_FILTER = 5 };
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_i64(w->from_us),
            w->to_us != 0 ? dm_pa_i64(w->to_us) : dm_pa_null(), dm_pa_text(w->rule), dm_pa_i64(w->before),
            dm_pa_i64(w->limit)};
    int r = dm_pg_exec(c, &list, args, DM_LEN(args), rows, NULL, err);
    return r < 0 ? r : dm_pg_count_of(c, &count, args, OF_FILTER, total, err);
}

void dm_denial_row(const dm_pg_rows *rows, size_t i, dm_denied *out)
{
    dm_pg_read(rows, i, 0, fields, DM_LEN(fields), out);
}

/* --- what changed lately ------------------------------------------------------------------------------------ */

static const dm_pg_stmt since = {"denials_since",
        "SELECT project_no, denial_no, dm.us(last_at), count FROM dm.denial WHERE last_at >= dm.ts($1)"
        " AND project_no = ANY ($2::int[]) ORDER BY last_at DESC LIMIT $3",
        DM_PG_ROWS};

int dm_denials_since(dm_pg *c, const dm_project_no *projects, size_t nprojects, int64_t since_us, size_t max,
        dm_denials_risen *out, size_t *n, dm_err *err)
{
    DM_AUTO_BUF which;
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_list(&which, &projects->v, nprojects, sizeof *projects, err);
    const dm_pg_arg args[] = {dm_pa_i64(since_us), dm_pa_text(dm_buf_view(&which)), dm_pa_i64((int64_t)max)};
    if (r == 0)
        r = dm_pg_exec(c, &since, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *n = dm_pg_count(rows);
    for (size_t i = 0; i < *n; i++)
        out[i] = (dm_denials_risen){
                {dm_pg_i64(rows, i, 0)}, dm_pg_i64(rows, i, 1), dm_pg_i64(rows, i, 2), dm_pg_i64(rows, i, 3)};
    return 0;
}

static const dm_pg_stmt of = {"denials_of",
        "SELECT " COLUMNS " FROM dm.denial WHERE account_no = $1 AND project_no = $2"
        " AND denial_no = ANY ($3::bigint[]) ORDER BY denial_no",
        DM_PG_ROWS};

int dm_denials_of(dm_pg *c, dm_owner owner, const int64_t *numbers, size_t n, dm_pg_rows **rows, dm_err *err)
{
    DM_AUTO_BUF which;
    int r = dm_pg_list(&which, numbers, n, sizeof *numbers, err);
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(dm_buf_view(&which))};
    return r < 0 ? r : dm_pg_exec(c, &of, args, DM_LEN(args), rows, NULL, err);
}
