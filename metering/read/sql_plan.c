#include <stddef.h>

#include "metering/read/plan.h"

/* Whole minutes of the pool above the allowance are what its price is for: rate.h. Regions whose minutes differ are
 * told with the dearest of them: it is an estimate. The month's end is reckoned as if all went on as it goes now.
 * $2: as it was then, by what had been stated of periods that had ended; null: as it is now. */
static const dm_pg_stmt plan = {"plan_of",
        "WITH i AS (SELECT coalesce(dm.ts($2::bigint), now()) AS at, $2::bigint IS NOT NULL AS past),"
        " m AS (SELECT month, month + interval '1 month' AS until FROM (SELECT date_trunc('month', i.at AT TIME ZONE "
        "'UTC') AT TIME ZONE 'UTC' AS month FROM i) n),"
        " p AS (SELECT tier, included_s FROM dm.account_plan, i WHERE account_no = $1"
        "  ORDER BY valid_from > i.at, abs(extract(epoch FROM valid_from - i.at)) LIMIT 1),"
        " n AS (SELECT tier, valid_from FROM dm.account_plan, i WHERE account_no = $1 AND valid_from > i.at"
        "  ORDER BY valid_from LIMIT 1),"
        " a AS (SELECT currency, billing_cycle FROM dm.account WHERE account_no = $1),"
        " b AS (SELECT b.book_id, b.price_group, b.rated_by, (SELECT x.per_unit FROM dm.price x"
        "   WHERE x.book_id = b.book_id AND x.sku = 'minutes') AS minute FROM dm.price_book b, p, a, i"
        "  WHERE b.tier = p.tier AND b.currency = a.currency AND b.status = 'approved' AND b.valid_from <= i.at"
        "  AND (b.valid_to IS NULL OR b.valid_to > i.at) AND (b.contract_no IS NULL OR EXISTS (SELECT FROM dm.contract "
        "c"
        "   WHERE c.account_no = $1 AND c.contract_no = b.contract_no AND c.status = 'approved' AND c.valid_from <= "
        "i.at"
        "   AND (c.valid_to IS NULL OR c.valid_to > i.at)))),"
        " k AS (SELECT min(rated_by) AS rated_by, coalesce(max(minute), 0) AS minute,"
        "  coalesce(json_agg(json_build_object('id', book_id, 'group', price_group) ORDER BY book_id), '[]') AS books"
        "  FROM b),"
        " t AS (SELECT coalesce(sum(s.total), 0) AS total, coalesce(max(s.pool_after_s), 0) AS pool,"
        "  max(s.period_start + make_interval(secs => s.period_s)) AS through FROM dm.statement s, m, i"
        "  WHERE s.account_no = $1 AND s.period_start >= m.month AND s.period_start < m.until"
        "  AND s.period_start + make_interval(secs => s.period_s) <= i.at),"
        " s AS (SELECT o.amount, o.pooled_s, o.per_second, o.running,"
        "  greatest(o.through, (SELECT min(c.through) FROM dm.spend_clock c)) AS as_of FROM m, i, dm.spend_of($1, "
        "m.month) o WHERE NOT i.past UNION ALL SELECT t.total, t.pool, 0, 0, t.through FROM t, i WHERE i.past),"
        " l AS (SELECT greatest(0, floor(extract(epoch FROM m.until - greatest(s.as_of, m.month))))::bigint AS left_s"
        "  FROM m, s),"
        " f AS (SELECT ceil(p.included_s / 60.0) AS free, floor(t.pool / 60.0) AS stated, floor(s.pooled_s / 60.0) AS "
        "used,"
        "  floor((s.pooled_s + s.running * coalesce(l.left_s, 0)) / 60.0) AS last FROM p, t, s, l)"
        " SELECT p.tier, k.rated_by, p.included_s, s.pooled_s, k.rated_by = 'minutes', a.currency, a.billing_cycle,"
        "  dm.us(m.until), k.books::text,"
        "  round(s.amount + (greatest(f.used, f.free) - greatest(f.stated, f.free)) * k.minute, 18),"
        "  round(s.per_second, 18),"
        "  CASE WHEN NOT i.past THEN round(s.amount + (greatest(f.last, f.free) - greatest(f.stated, f.free)) * "
        "k.minute"
        "   + s.per_second * coalesce(l.left_s, 0), 18) END,"
        "  s.running, dm.us(s.as_of), n.tier, dm.us(n.valid_from)"
        " FROM p CROSS JOIN a CROSS JOIN k CROSS JOIN s CROSS JOIN t CROSS JOIN l CROSS JOIN f CROSS JOIN m CROSS JOIN "
        "i"
        " LEFT JOIN n ON true",
        DM_PG_ONE};

static const dm_pg_field fields[] = {
        {DM_COL_STR, offsetof(dm_read_plan, tier)},
        {DM_COL_MAYBE, offsetof(dm_read_plan, rated_by)},
        {DM_COL_I64, offsetof(dm_read_plan, included_s)},
        {DM_COL_I64, offsetof(dm_read_plan, used_s)},
        {DM_COL_BOOL, offsetof(dm_read_plan, pooled)},
        {DM_COL_STR, offsetof(dm_read_plan, currency)},
        {DM_COL_STR, offsetof(dm_read_plan, billing_cycle)},
        {DM_COL_I64, offsetof(dm_read_plan, resets_us)},
        {DM_COL_STR, offsetof(dm_read_plan, books)},
        {DM_COL_STR, offsetof(dm_read_plan, amount)},
        {DM_COL_STR, offsetof(dm_read_plan, per_second)},
        {DM_COL_MAYBE, offsetof(dm_read_plan, projected)},
        {DM_COL_I64, offsetof(dm_read_plan, running)},
        {DM_COL_I64, offsetof(dm_read_plan, as_of_us)},
        {DM_COL_MAYBE, offsetof(dm_read_plan, next_tier)},
        {DM_COL_I64, offsetof(dm_read_plan, next_us)},
};

int dm_read_plan_of(
        dm_pg *c, dm_account_no account_no, int64_t at_us, dm_pg_rows **rows, dm_read_plan *out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), at_us != 0 ? dm_pa_i64(at_us) : dm_pa_null()};
    int r = dm_pg_exec(c, &plan, args, DM_LEN(args), rows, NULL, err);
    if (r == 0)
        dm_pg_read(*rows, 0, 0, fields, DM_LEN(fields), out);
    return r;
}
