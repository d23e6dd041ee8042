#include "metering/read/sql_estimate.h"

#define MONTH "date_trunc('month', dm.ts($3::bigint), 'UTC')"

int dm_sql_terms(dm_pg *c, dm_account_no account_no, dm_str region, int64_t at_us, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"estimate_terms",
            "SELECT a.currency, p.tier, p.included_s, r.name, r.price_group, (SELECT o.pooled_s FROM "
            "dm.spend_of($1::bigint, " MONTH ") o) FROM dm.account a CROSS JOIN LATERAL (SELECT tier, included_s FROM "
            "dm.account_plan n WHERE n.account_no = a.account_no ORDER BY valid_from > dm.ts($3::bigint), "
            "abs(extract(epoch FROM valid_from - dm.ts($3::bigint))) LIMIT 1) p LEFT JOIN dm.region r ON "
            "CASE WHEN $2::text IS NULL THEN r.region_no = (SELECT j.region_no FROM dm.project j WHERE j.account_no = "
            "a.account_no ORDER BY j.project_no LIMIT 1) ELSE r.name = $2::text END WHERE a.account_no = $1::bigint",
            DM_PG_ONE};
    const dm_pg_arg args[] = {
            dm_pa_i64(account_no.v), dm_pa_text(region.n > 0 ? region : (dm_str){NULL, 0}), dm_pa_i64(at_us)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_terms_counts(
        dm_pg *c, dm_account_no account_no, int64_t book_id, int64_t at_us, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"estimate_counts",
            "SELECT sku, max(after_qty) FROM dm.statement_tier WHERE account_no = $1::bigint AND book_id = $2::bigint "
            "AND period_start >= " MONTH " AND period_start < " MONTH " + interval '1 month' GROUP BY sku",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(book_id), dm_pa_i64(at_us)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_used_by(dm_pg *c, dm_account_no account_no, const dm_sandbox_id *id, int64_t from_s, int64_t to_s,
        dm_pg_rows **out, dm_err *err)
{
    /* Of its evidence, which says what it was: its own row is seen by its project alone. The size of its newest life.
     */
    static const dm_pg_stmt st = {"estimate_used_by",
            "WITH p AS (SELECT * FROM dm.usage_period WHERE account_no = $1::bigint AND sandbox_id = $2 "
            "AND period_start >= to_timestamp($3::bigint) AND period_start < to_timestamp($4::bigint)), "
            "n AS (SELECT spec_table, spec, region_no FROM p ORDER BY period_start DESC, epoch DESC LIMIT 1) "
            "SELECT x.vcpus, x.mem_mib, u.disk, u.run_s, u.hib_s, r.name, coalesce((SELECT sum(l.amount) FROM "
            "dm.statement_line l WHERE l.account_no = $1::bigint AND l.sandbox_id = $2 "
            "AND l.period_start >= to_timestamp($3::bigint) AND l.period_start < to_timestamp($4::bigint)), "
            "0)::numeric(38, 18) FROM n JOIN dm.spec x USING (spec_table, spec) JOIN dm.region r USING (region_no), "
            "(SELECT sum(bit_count(run)) AS run_s, sum(bit_count(hib & ~run)) AS hib_s, max(disk) AS disk FROM "
            "(SELECT bit_or(run_bits::bit(3600)) AS run, bit_or(hib_bits::bit(3600)) AS hib, "
            "max((SELECT max(d) FROM unnest(disk_16mib) d)) AS disk FROM p GROUP BY period_start) b) u",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {
            dm_pa_i64(account_no.v), dm_pa_bytes(id->b, sizeof id->b), dm_pa_i64(from_s), dm_pa_i64(to_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
