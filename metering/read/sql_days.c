#include "metering/read/days.h"

/* p: the project that is asked for, from lo to hi; days: from which to which. f has who ran how long on a day, m what a
 * day has that is the account's, in 10^-18. Of that each has the whole part of its share, rounded down, and those with
 * the largest remainders one more; so it is of what is given back, too. */
#define ASKED                                                                                                          \
    "WITH days AS (SELECT (to_timestamp($2::bigint) AT TIME ZONE 'UTC')::date AS first,"                               \
    "  (to_timestamp($3::bigint - 1) AT TIME ZONE 'UTC')::date AS last),"                                              \
    " p AS (SELECT coalesce(min(project_no), CASE WHEN $4::text IS NULL THEN 0 ELSE 1 END) AS lo,"                     \
    "  coalesce(max(project_no), CASE WHEN $4::text IS NULL THEN 2147483647 ELSE 0 END) AS hi"                         \
    "  FROM dm.project WHERE account_no = $1 AND slug = $4),"
#define SHARES(who)                                                                                                    \
    " s AS (SELECT f.*, m.u, sum(f.r) OVER (PARTITION BY day) AS t FROM f JOIN m USING (day)),"                        \
    " q AS (SELECT s.*, div(u * r, t) - (mod(u * r, t) < 0)::int AS part,"                                             \
    "  mod(u * r, t) + CASE WHEN mod(u * r, t) < 0 THEN t ELSE 0 END AS rest FROM s WHERE t > 0),"                     \
    " v AS (SELECT q.*, row_number() OVER (PARTITION BY day ORDER BY rest DESC, " who ") AS n,"                        \
    "  u - sum(part) OVER (PARTITION BY day) AS more FROM q),"                                                         \
    " k AS (SELECT v.*, (part + (n <= more)::int) * 0.000000000000000001 AS share FROM v),"                            \
    " nobodys AS (SELECT m.*, u * 0.000000000000000001 AS share FROM m WHERE $4::text IS NULL"                         \
    "  AND NOT EXISTS (SELECT FROM s WHERE s.day = m.day AND s.t > 0)),"

/* --- by what a day's rows say ------------------------------------------------------------------------------- */

#define DAY_ROWS                                                                                                       \
    " d AS (SELECT u.* FROM dm.usage_day u, days WHERE account_no = $1 AND day BETWEEN days.first AND days.last),"     \
    " f AS (SELECT day, project_no, template_id, key_no, sum(running_s) AS r, sum(hibernated_s) AS h,"                 \
    "  sum(amount) AS a FROM d WHERE project_no <> 0 GROUP BY 1, 2, 3, 4),"                                            \
    " m AS (SELECT day, trunc(sum(amount) * 1000000000000000000) AS u, sum(running_s) AS r FROM d"                     \
    "  WHERE project_no = 0 GROUP BY 1),"
#define DAY_PARTS                                                                                                      \
    " w AS (SELECT day, project_no, template_id, key_no, r, h, a, 0 AS share FROM f, p"                                \
    "  WHERE project_no BETWEEN p.lo AND p.hi"                                                                         \
    "  UNION ALL SELECT day, project_no, template_id, key_no, 0, 0, 0, share FROM k, p"                                \
    "  WHERE project_no BETWEEN p.lo AND p.hi"                                                                         \
    "  UNION ALL SELECT day, 0, '', 0::bigint, r, 0, 0, share FROM nobodys),"
#define DAYS ASKED DAY_ROWS SHARES("project_no, template_id, key_no") DAY_PARTS

/* A page of the groups g, by what $6 says, behind ($7, $8). All pages are told of, also where this one is empty. ord:
 * what orders groups of one cost, place: the same of $8; k and at: how the row's key and its ord are told; parent:
 * whose memory it began with. */
#define PAGE_OF(ord, place, k, at, parent)                                                                             \
    " o AS (SELECT g.*, CASE WHEN $6::boolean THEN -amount ELSE 0 END AS x, " ord " AS ord FROM g),"                   \
    " z AS (SELECT count(*) AS n, round(coalesce(sum(amount), 0), 18) AS a FROM g),"                                   \
    " e AS (SELECT * FROM o WHERE $7::numeric IS NULL"                                                                 \
    "  OR (x, ord) > ($7::numeric * 0.000000000000000001, " place ") ORDER BY x, ord LIMIT $5::bigint)"                \
    " SELECT z.n, z.a, " k ", round(e.amount, 18), e.r, e.h, e.timed, e.split, round(e.x * 1000000000000000000), " at  \
    ", " parent " FROM z LEFT JOIN e ON true ORDER BY e.x, e.ord"
#define PAGE(ord) PAGE_OF(ord " COLLATE \"C\"", "$8::text", "e.k", "e.ord", "NULL")
#define SUMS(key, split)                                                                                               \
    " g AS (SELECT " key " AS k, sum(a + share) AS amount, sum(r)::bigint AS r,"                                       \
    " sum(h)::bigint AS h, true AS timed, " split " AS split FROM w"
#define PARTLY "bool_or(share <> 0)"
#define DAY_GROUP(key, from, split) DAYS SUMS(key, split) from " GROUP BY 1)," PAGE("k")

/* --- by sandbox --------------------------------------------------------------------------------------------- */

/* b: a row a sandbox. dm.usage_by_sandbox says from which of the rows that there are it is added up. */
#define SANDBOXES                                                                                                      \
    ASKED " b AS MATERIALIZED (SELECT u.*, true AS timed FROM days, p,"                                                \
          "  dm.usage_by_sandbox($1, days.first, days.last, p.lo, p.hi, $4::text IS NULL) u),"
#define TAGS " t AS MATERIALIZED (SELECT * FROM dm.tags_of(ARRAY(SELECT sandbox_id FROM b), $9)),"
#define DIGEST "encode(substring(sha256(convert_to(k, 'UTF8')) FOR 16), 'hex')"

static const dm_pg_stmt by[] = {
        [DM_DAYS_BY_DAY] = {"days_by_day", DAY_GROUP("day::text", "", "bool_or(share <> 0) AND $4::text IS NOT NULL"),
                DM_PG_ROWS},
        [DM_DAYS_BY_PROJECT] = {"days_by_project",
                DAY_GROUP("coalesce(p.slug, '')",
                        " LEFT JOIN dm.project p ON p.account_no = $1 AND p.project_no = w.project_no", PARTLY),
                DM_PG_ROWS},
        [DM_DAYS_BY_TEMPLATE] = {"days_by_template", DAY_GROUP("template_id", "", PARTLY), DM_PG_ROWS},
        [DM_DAYS_BY_KEY] = {"days_by_key",
                DAY_GROUP("coalesce(k.id::text, '')", " LEFT JOIN dm.key_ids() k ON k.key_no = w.key_no", PARTLY),
                DM_PG_ROWS},
        [DM_DAYS_BY_SKU] = {"days_by_sku",
                DAYS
                " l AS (SELECT sku AS k, amount AS x, false AS part FROM d, p WHERE project_no <> 0 AND sku <> ''"
                "  AND project_no BETWEEN p.lo AND p.hi"
                "  UNION ALL SELECT sku, amount, false FROM d WHERE project_no = 0 AND sku <> '' AND $4::text IS NULL"
                "  UNION ALL SELECT 'minutes', share, true FROM w WHERE share <> 0 AND $4::text IS NOT NULL),"
                " g AS (SELECT k, sum(x) AS amount, 0::bigint AS r, 0::bigint AS h, false AS timed,"
                "  bool_or(part) AS split FROM l GROUP BY 1)," PAGE("k"),
                DM_PG_ROWS},
        [DM_DAYS_BY_SANDBOX] = {"days_by_sandbox",
                SANDBOXES " g AS (SELECT * FROM b)," PAGE_OF("sandbox_id", "decode($8::text, 'hex')",
                        "encode(e.sandbox_id, 'hex')", "encode(e.ord, 'hex')",
                        "encode(dm.parent_of(e.sandbox_id), 'hex')"),
                DM_PG_ROWS},
        [DM_DAYS_BY_TAG] = {"days_by_tag",
                SANDBOXES TAGS " g AS (SELECT coalesce('=' || t.value, '') AS k, sum(amount) AS amount,"
                               " sum(r)::bigint AS r, sum(h)::bigint AS h, true AS timed, bool_or(split) AS split"
                               " FROM b LEFT JOIN t USING (sandbox_id) GROUP BY 1)," PAGE(DIGEST),
                DM_PG_ROWS},
};

/* The same of a month that is told whole and settled: its own rows, which nothing is added to or taken off. */
static const dm_pg_stmt by_month = {"days_by_month",
        ASKED
        " g AS NOT MATERIALIZED (SELECT y.sandbox_id, y.amount + y.share AS amount, y.running_s AS r,"
        "  y.hibernated_s AS h, true AS timed, y.shared_days > 0 AS split FROM dm.usage_sandbox_month y, days, p"
        "  WHERE y.account_no = $1 AND y.month = date_trunc('month', days.first::timestamp)::date"
        "  AND y.project_no BETWEEN p.lo AND p.hi)," PAGE_OF("sandbox_id", "decode($8::text, 'hex')",
                "encode(e.sandbox_id, 'hex')", "encode(e.ord, 'hex')", "encode(dm.parent_of(e.sandbox_id), 'hex')"),
        DM_PG_ROWS};

/* Whether it is such a month. That stays so: what is settled does not change, and all days of which something is stated
 * are. */
static int is_month(dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, bool *out, dm_err *err)
{
    static const dm_pg_stmt st = {"days_is_month",
            "SELECT count(*) > 0 AND bool_and(settled AND day BETWEEN w.first AND w.last) FROM (SELECT"
            "  (to_timestamp($2::bigint) AT TIME ZONE 'UTC')::date AS first,"
            "  (to_timestamp($3::bigint - 1) AT TIME ZONE 'UTC')::date AS last) w, dm.usage_settled"
            " WHERE account_no = $1 AND date_trunc('month', w.first::timestamp) = date_trunc('month', "
            "w.last::timestamp)"
            " AND day >= date_trunc('month', w.first::timestamp)::date"
            " AND day < (date_trunc('month', w.first::timestamp) + interval '1 month')::date",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(asked->from), dm_pa_i64(asked->to)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_bool(rows, 0, 0);
    return r;
}

static int owed(dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, int64_t *out, dm_err *err)
{
    static const dm_pg_stmt st = {"days_owed",
            "SELECT coalesce(sum(documents - added), 0)::bigint FROM dm.usage_owed WHERE account_no = $1 AND"
            " period_start >= (to_timestamp($2::bigint) AT TIME ZONE 'UTC')::date::timestamp AT TIME ZONE 'UTC' AND"
            " period_start < to_timestamp($3::bigint) + interval '1 day'",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(asked->from), dm_pa_i64(asked->to)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_i64(rows, 0, 0);
    return r;
}

/* Whether its days that are not settled have more rows than it adds up. It looks no further than that. A day has
 * something to split where there is a row of the account's own money, or a statement that may say so. */
static int too_many(dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, bool *out, dm_err *err)
{
    static const dm_pg_stmt st = {"days_too_many",
            "WITH w AS (SELECT (to_timestamp($2::bigint) AT TIME ZONE 'UTC')::date AS first,"
            "  (to_timestamp($3::bigint - 1) AT TIME ZONE 'UTC')::date AS last),"
            " o AS MATERIALIZED (SELECT n::date AS day FROM w, generate_series(w.first::timestamp, w.last::timestamp,"
            "  interval '1 day') n EXCEPT SELECT t.day FROM w, dm.usage_settled t WHERE t.account_no = $1 AND t.settled"
            "  AND t.day BETWEEN w.first AND w.last),"
            " m AS (SELECT u.day FROM dm.usage_sandbox u WHERE u.account_no = $1 AND u.day = ANY (ARRAY(SELECT day"
            "  FROM o)) AND u.project_no = 0 AND u.sandbox_id = '' AND u.amount <> 0"
            "  UNION SELECT (p.period_start AT TIME ZONE 'UTC')::date FROM w, dm.usage_owed p WHERE p.account_no = $1"
            "  AND p.period_start >= w.first::timestamp AT TIME ZONE 'UTC'"
            "  AND p.period_start < (w.last + 1)::timestamp AT TIME ZONE 'UTC')"
            " SELECT (SELECT count(*) FROM (SELECT FROM dm.usage_sandbox WHERE account_no = $1"
            "   AND day = ANY (ARRAY(SELECT day FROM o)) LIMIT $4::bigint + 1) n) > $4"
            "  OR (SELECT count(*) FROM (SELECT FROM dm.usage_sandbox WHERE account_no = $1"
            "   AND day = ANY (ARRAY(SELECT day FROM m)) LIMIT $5::bigint + 1) n) > $5",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(asked->from), dm_pa_i64(asked->to),
            dm_pa_i64(DM_DAYS_OPEN_MAX), dm_pa_i64(DM_DAYS_SPLIT_MAX)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_bool(rows, 0, 0);
    return r;
}

int dm_ask_for_days(dm_pg *c, const dm_days_asked *asked, dm_days_far *out, dm_err *err)
{
    static const dm_pg_stmt st = {"days_ask",
            "SELECT stated, settled FROM dm.ask_for_usage((to_timestamp($1::bigint) AT TIME ZONE 'UTC')::date,"
            " (to_timestamp($2::bigint - 1) AT TIME ZONE 'UTC')::date)",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(asked->from), dm_pa_i64(asked->to)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = (dm_days_far){dm_pg_i64(rows, 0, 0), dm_pg_i64(rows, 0, 1)};
    return r;
}

/* What is added up by sandbox stays in memory: 100,000 of them, where the usual room is for 20,000. */
static int make_room(dm_pg *c, dm_err *err)
{
    static const dm_pg_stmt st = {"days_room", "SELECT set_config('work_mem', '16MB', true)", DM_PG_ONE};
    return dm_pg_exec(c, &st, NULL, 0, NULL, NULL, err);
}

void dm_days_done(dm_days *d)
{
    dm_pg_rows_free(d->rows);
    *d = (dm_days){.rows = NULL};
}

/* By what statement sandboxes are told, and whether they can be: 0 or DM_DAYS_NOT_YET. */
static int choose(dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, const dm_pg_stmt **st, dm_err *err)
{
    bool month = false, many = false;
    int64_t documents = 0;
    int r = owed(c, account_no, asked, &documents, err);
    if (r == 0 && documents > DM_DAYS_OWED_MAX)
        return DM_DAYS_NOT_YET;
    if (r == 0 && asked->by == DM_DAYS_BY_SANDBOX && documents == 0)
        r = is_month(c, account_no, asked, &month, err);
    if (r < 0 || month) {
        *st = &by_month;
        return r;
    }
    r = too_many(c, account_no, asked, &many, err);
    if (r == 0 && !many)
        r = make_room(c, err);
    return r == 0 && many ? DM_DAYS_NOT_YET : r;
}

int dm_read_days(dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, dm_days *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(asked->from), dm_pa_i64(asked->to),
            dm_pa_text(asked->project), dm_pa_i64(asked->limit), dm_pa_bool(asked->by_cost), dm_pa_text(asked->cost),
            dm_pa_text(asked->ord), dm_pa_text(asked->tag)};
    bool sandboxes = asked->by == DM_DAYS_BY_SANDBOX || asked->by == DM_DAYS_BY_TAG;
    const dm_pg_stmt *st = &by[asked->by];
    dm_days_done(out);
    int r = sandboxes ? choose(c, account_no, asked, &st, err) : 0;
    if (r != 0)
        return r < 0 ? r : DM_DAYS_NOT_YET;
    r = dm_pg_exec(c, st, args, asked->by == DM_DAYS_BY_TAG ? 9 : 8, &out->rows, NULL, err);
    if (r < 0)
        return r;
    out->total = dm_pg_i64(out->rows, 0, 0);
    out->amount = dm_pg_str(out->rows, 0, 1);
    out->n = dm_pg_is_null(out->rows, 0, 9) ? 0 : dm_pg_count(out->rows);
    return 0;
}

int dm_read_currency(dm_pg *c, dm_account_no account_no, dm_pg_rows **rows, dm_err *err)
{
    static const dm_pg_stmt st = {"days_currency", "SELECT currency FROM dm.account WHERE account_no = $1", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), rows, NULL, err);
}

dm_days_row dm_days_row_of(const dm_days *d, size_t i)
{
    return (dm_days_row){.key = dm_pg_str(d->rows, i, 2),
            .amount = dm_pg_str(d->rows, i, 3),
            .running_s = dm_pg_i64(d->rows, i, 4),
            .hibernated_s = dm_pg_i64(d->rows, i, 5),
            .timed = dm_pg_bool(d->rows, i, 6),
            .split = dm_pg_bool(d->rows, i, 7),
            .cost = dm_pg_str(d->rows, i, 8),
            .ord = dm_pg_str(d->rows, i, 9),
            .parent = dm_pg_str(d->rows, i, 10)};
}
