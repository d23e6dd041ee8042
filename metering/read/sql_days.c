#include "metering/read/days.h"

/* f: a day's time and money, by what was used. w: of its pooled minutes (u, in 10^-18) each has the whole part of its
 * share, and those with the largest remainders one more; what ran when nobody noted where is nobody's part. */
#define SPLIT                                                                                                          \
    "WITH d AS (SELECT * FROM dm.usage_day WHERE account_no = $1 AND day >= (to_timestamp($2::bigint) AT TIME ZONE "   \
    "'UTC')::date AND day <= (to_timestamp($3::bigint - 1) AT TIME ZONE 'UTC')::date),"                                \
    " f AS (SELECT day, project_no, template_id, key_no, sum(running_s) AS r, sum(hibernated_s) AS h, sum(amount) AS " \
    "a"                                                                                                                \
    "  FROM d WHERE project_no <> 0 GROUP BY 1, 2, 3, 4),"                                                             \
    " m AS (SELECT day, sum(amount) * 1000000000000000000 AS u, sum(running_s) AS r FROM d WHERE project_no = 0 "      \
    "GROUP BY 1),"                                                                                                     \
    " s AS (SELECT f.*, trunc(coalesce(m.u, 0)) AS u, sum(f.r) OVER (PARTITION BY day) AS t FROM f LEFT JOIN m USING " \
    "(day)),"                                                                                                          \
    " q AS (SELECT s.*, CASE WHEN t > 0 THEN div(u * r, t) ELSE 0 END AS part,"                                        \
    "  CASE WHEN t > 0 THEN mod(u * r, t) ELSE 0 END AS rest FROM s),"                                                 \
    " v AS (SELECT q.*, row_number() OVER (PARTITION BY day ORDER BY rest DESC, project_no, template_id, key_no) AS "  \
    "n,"                                                                                                               \
    "  CASE WHEN t > 0 THEN u - sum(part) OVER (PARTITION BY day) ELSE 0 END AS more FROM q),"                         \
    " w AS (SELECT day, project_no, template_id, key_no, r, h, a,"                                                     \
    "  (part + CASE WHEN n <= more THEN 1 ELSE 0 END) / 1000000000000000000 AS share FROM v"                           \
    "  WHERE $4::text IS NULL OR project_no = (SELECT p.project_no FROM dm.project p WHERE p.account_no = $1 AND "     \
    "p.slug = $4)"                                                                                                     \
    " UNION ALL SELECT day, 0, '', 0::bigint, r, 0, 0, u / 1000000000000000000 FROM m WHERE $4::text IS NULL"          \
    "  AND NOT EXISTS (SELECT FROM s WHERE s.day = m.day AND s.t > 0))"

#define BY(key, from, split)                                                                                           \
    SPLIT " SELECT " key " AS k, round(sum(a + share), 18), sum(r)::bigint, sum(h)::bigint, true, " split ""           \
          " FROM w" from " GROUP BY 1 ORDER BY 1 LIMIT $5::bigint"

static const dm_pg_stmt by[] = {
        [DM_DAYS_BY_DAY] = {"days_by_day", BY("day::text", "", "sum(share) > 0 AND $4::text IS NOT NULL"), DM_PG_ROWS},
        [DM_DAYS_BY_PROJECT] = {"days_by_project",
                BY("coalesce(p.slug, '')",
                        " LEFT JOIN dm.project p ON p.account_no = $1 AND p.project_no = w.project_no",
                        "sum(share) > 0"),
                DM_PG_ROWS},
        [DM_DAYS_BY_TEMPLATE] = {"days_by_template", BY("template_id", "", "sum(share) > 0"), DM_PG_ROWS},
        [DM_DAYS_BY_KEY] = {"days_by_key",
                BY("coalesce(k.id::text, '')", " LEFT JOIN dm.key_ids() k ON k.key_no = w.key_no", "sum(share) > 0"),
                DM_PG_ROWS},
        [DM_DAYS_BY_SKU] = {"days_by_sku",
                SPLIT
                " SELECT k, round(sum(x), 18), 0::bigint, 0::bigint, false, bool_or(part) FROM (SELECT sku AS k, amount"
                " AS x, false AS part FROM d WHERE project_no <> 0 AND sku <> '' AND ($4::text IS NULL OR project_no ="
                " (SELECT p.project_no FROM dm.project p WHERE p.account_no = $1 AND p.slug = $4)) UNION ALL"
                " SELECT sku, amount, false FROM d WHERE project_no = 0 AND sku <> '' AND $4::text IS NULL UNION ALL"
                " SELECT 'minutes', share, true FROM w WHERE share > 0 AND $4::text IS NOT NULL) l GROUP BY 1 ORDER BY "
                "1"
                " LIMIT $5::bigint",
                DM_PG_ROWS},
};

int dm_read_days(dm_pg *c, dm_account_no account_no, const dm_days_asked *asked, dm_pg_rows **rows, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(asked->from), dm_pa_i64(asked->to),
            dm_pa_text(asked->project), dm_pa_i64(DM_DAYS_ROWS_MAX + 1)};
    return dm_pg_exec(c, &by[asked->by], args, DM_LEN(args), rows, NULL, err);
}

int dm_read_currency(dm_pg *c, dm_account_no account_no, dm_pg_rows **rows, dm_err *err)
{
    static const dm_pg_stmt st = {"days_currency", "SELECT currency FROM dm.account WHERE account_no = $1", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), rows, NULL, err);
}

dm_days_row dm_read_days_row(const dm_pg_rows *rows, size_t i)
{
    return (dm_days_row){.key = dm_pg_str(rows, i, 0),
            .amount = dm_pg_str(rows, i, 1),
            .running_s = dm_pg_i64(rows, i, 2),
            .hibernated_s = dm_pg_i64(rows, i, 3),
            .timed = dm_pg_bool(rows, i, 4),
            .split = dm_pg_bool(rows, i, 5)};
}
