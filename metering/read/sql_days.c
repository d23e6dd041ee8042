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

/* A page of the groups g, by what $6 says, behind ($7, $8). All pages are told of, also where this one is empty. */
#define PAGE(ord)                                                                                                      \
    " o AS (SELECT g.*, CASE WHEN $6::boolean THEN round(amount * -1000000000000000000) ELSE 0 END AS x,"              \
    "  " ord " COLLATE \"C\" AS ord FROM g),"                                                                          \
    " z AS (SELECT count(*) AS n, round(coalesce(sum(amount), 0), 18) AS a FROM g),"                                   \
    " e AS (SELECT * FROM o WHERE $7::numeric IS NULL OR (x, ord) > ($7::numeric, $8::text)"                           \
    "  ORDER BY x, ord LIMIT $5::bigint)"                                                                              \
    " SELECT z.n, z.a, e.k, round(e.amount, 18), e.r, e.h, e.timed, e.split, e.x, e.ord"                               \
    " FROM z LEFT JOIN e ON true ORDER BY e.x, e.ord"
#define SUMS(key, split)                                                                                               \
    " g AS (SELECT " key " AS k, sum(a + share) AS amount, sum(r)::bigint AS r,"                                       \
    " sum(h)::bigint AS h, true AS timed, " split " AS split FROM w"
#define PARTLY "bool_or(share <> 0)"
#define DAY_GROUP(key, from, split) DAYS SUMS(key, split) from " GROUP BY 1)," PAGE("k")

/* --- by sandbox --------------------------------------------------------------------------------------------- */

/* tail: what is stated and not added yet. */
#define SANDBOX_ROWS                                                                                                   \
    " tail AS MATERIALIZED (SELECT (o.period_start AT TIME ZONE 'UTC')::date AS day, u.project_no,"                    \
    "   u.sandbox_id, u.running_s, u.hibernated_s, u.amount FROM days, dm.usage_owed o"                                \
    "  JOIN dm.statement s ON s.account_no = o.account_no AND s.period_start = o.period_start"                         \
    "  CROSS JOIN LATERAL generate_series(o.added, o.documents - 1) n (document)"                                      \
    "  LEFT JOIN dm.statement_page g ON g.account_no = o.account_no AND g.period_start = o.period_start"               \
    "   AND g.page_no = n.document"                                                                                    \
    "  CROSS JOIN LATERAL dm.stated_use(CASE WHEN n.document = 0 THEN s.body ELSE g.body END) u"                       \
    "  WHERE o.account_no = $1 AND o.period_start >= days.first::timestamp AT TIME ZONE 'UTC'"                         \
    "   AND o.period_start < (days.last + 1)::timestamp AT TIME ZONE 'UTC'),"                                          \
    " d AS NOT MATERIALIZED (SELECT day, project_no, sandbox_id, running_s, hibernated_s, amount"                      \
    "  FROM dm.usage_sandbox WHERE account_no = $1"                                                                    \
    "   AND day BETWEEN (SELECT first FROM days) AND (SELECT last FROM days)"                                          \
    "  UNION ALL SELECT * FROM tail),"                                                                                 \
    " m AS MATERIALIZED (SELECT day, trunc(sum(amount) * 1000000000000000000) AS u FROM d"                             \
    "  WHERE project_no = 0 AND sandbox_id = '' GROUP BY day HAVING sum(amount) <> 0),"                                \
    " f AS (SELECT day, project_no, sandbox_id, sum(running_s) AS r FROM d"                                            \
    "  WHERE sandbox_id <> '' AND day IN (SELECT day FROM m) GROUP BY 1, 2, 3),"
#define SANDBOX_PARTS                                                                                                  \
    " w AS (SELECT sandbox_id, sum(running_s) AS r, sum(hibernated_s) AS h, sum(amount) AS a, 0 AS share"              \
    "   FROM d, p WHERE sandbox_id <> '' AND project_no BETWEEN p.lo AND p.hi GROUP BY 1"                              \
    "  UNION ALL SELECT sandbox_id, 0, 0, 0, sum(share) FROM k, p"                                                     \
    "   WHERE project_no BETWEEN p.lo AND p.hi GROUP BY 1"                                                             \
    "  UNION ALL SELECT '', 0, 0, 0, share FROM nobodys),"
#define SANDBOXES ASKED SANDBOX_ROWS SHARES("project_no, sandbox_id") SANDBOX_PARTS
#define TAGS " t AS MATERIALIZED (SELECT * FROM dm.tags_of(ARRAY(SELECT DISTINCT sandbox_id FROM w), $9)),"
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
                SANDBOXES SUMS("encode(sandbox_id, 'hex')", PARTLY) " GROUP BY 1)," PAGE("k"), DM_PG_ROWS},
        [DM_DAYS_BY_TAG] = {"days_by_tag",
                SANDBOXES TAGS SUMS("coalesce('=' || t.value, '')",
                        PARTLY) " LEFT JOIN t USING (sandbox_id) GROUP BY 1)," PAGE(DIGEST),
                DM_PG_ROWS},
};

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

void dm_days_done(dm_days *d)
{
    dm_pg_rows_free(d->rows);
    *d = (dm_days){.rows = NULL};
}

int dm_read_days(dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, dm_days *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(asked->from), dm_pa_i64(asked->to),
            dm_pa_text(asked->project), dm_pa_i64(asked->limit), dm_pa_bool(asked->by_cost), dm_pa_text(asked->cost),
            dm_pa_text(asked->ord), dm_pa_text(asked->tag)};
    bool sandboxes = asked->by == DM_DAYS_BY_SANDBOX || asked->by == DM_DAYS_BY_TAG;
    int64_t documents = 0;
    dm_days_done(out);
    int r = sandboxes ? owed(c, account_no, asked, &documents, err) : 0;
    if (r == 0 && documents > DM_DAYS_OWED_MAX)
        return DM_DAYS_NOT_YET;
    if (r == 0)
        r = dm_pg_exec(c, &by[asked->by], args, asked->by == DM_DAYS_BY_TAG ? 9 : 8, &out->rows, NULL, err);
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
            .ord = dm_pg_str(d->rows, i, 9)};
}
