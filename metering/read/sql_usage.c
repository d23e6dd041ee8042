#include "metering/read/sql_usage.h"

int dm_sql_closed_through(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"usage_closed",
            "SELECT dm.us(period_start) / 1000000 + period_s FROM dm.period WHERE closed_at IS NOT NULL"
            " ORDER BY period_start DESC LIMIT 1",
            DM_PG_MAYBE};
    return dm_pg_exec(c, &st, NULL, 0, out, NULL, err);
}

int dm_sql_usage(dm_pg *c, dm_owner owner, dm_str ids, int64_t from, int64_t to, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"usage_bits",
            "SELECT sandbox_id, dm.us(period_start) / 1000000, varbit_send(run_bits), varbit_send(hib_bits),"
            " disk_16mib FROM dm.usage_period WHERE account_no = $1::bigint AND project_no = $2::bigint"
            " AND sandbox_id = ANY ($3::bytea[]) AND period_start > to_timestamp($4::bigint - 3600)"
            " AND period_start < to_timestamp($5::bigint) ORDER BY sandbox_id, period_start, epoch",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(ids), dm_pa_i64(from), dm_pa_i64(to)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_usage_gaps(dm_pg *c, dm_owner owner, dm_str ids, int64_t from, int64_t to, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"usage_gaps",
            "SELECT sandbox_id, from_s, to_s FROM dm.usage_gap WHERE account_no = $1::bigint"
            " AND project_no = $2::bigint AND sandbox_id = ANY ($3::bytea[]) AND from_s < $5::bigint"
            " AND to_s > $4::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {
            dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(ids), dm_pa_i64(from), dm_pa_i64(to)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_month_seconds(dm_pg *c, dm_owner owner, dm_str ids, int64_t from, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"usage_month_seconds",
            "SELECT sandbox_id, sum(bit_count(run)), sum(bit_count(hib & ~run)) FROM"
            " (SELECT sandbox_id, bit_or(run_bits::bit(3600)) AS run, bit_or(hib_bits::bit(3600)) AS hib"
            "  FROM dm.usage_period WHERE account_no = $1::bigint AND project_no = $2::bigint"
            "  AND sandbox_id = ANY ($3::bytea[]) AND period_start >= to_timestamp($4::bigint)"
            "  GROUP BY sandbox_id, period_start) p GROUP BY sandbox_id",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(ids), dm_pa_i64(from)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_month_amounts(dm_pg *c, dm_owner owner, dm_str ids, int64_t from, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"usage_month_amounts",
            "SELECT l.sandbox_id, sum(l.amount), min(s.currency) FROM dm.statement_line l"
            " JOIN dm.statement s USING (account_no, period_start) WHERE l.account_no = $1::bigint"
            " AND l.project_no = $2::bigint AND l.sandbox_id = ANY ($3::bytea[])"
            " AND l.period_start >= to_timestamp($4::bigint) GROUP BY l.sandbox_id",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_text(ids), dm_pa_i64(from)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_attested(dm_pg *c, dm_owner owner, const dm_sandbox_id *id, int64_t from, int64_t to, size_t max,
        dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"usage_attested",
            "SELECT dm.us(period_start) / 1000000, epoch, encode(hash, 'hex') FROM dm.attestation"
            " WHERE account_no = $1::bigint AND project_no = $2::bigint AND sandbox_id = $3"
            " AND period_start >= to_timestamp($4::bigint) AND period_start <= to_timestamp($5::bigint)"
            " ORDER BY period_start DESC, epoch DESC LIMIT $6::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(owner.account.v), dm_pa_i64(owner.project.v), dm_pa_bytes(id->b, sizeof id->b),
            dm_pa_i64(from), dm_pa_i64(to), dm_pa_i64((int64_t)max)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
