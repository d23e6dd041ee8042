#include "metering/read/sql_read.h"

int dm_sql_read_statements(
        dm_pg *c, dm_account_no account_no, dm_statement_no before, size_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_statements",
            "SELECT number, dm.us(period_start) / 1000000, period_s, currency, total, running_s, hibernated_s, "
            "unattested, "
            "sha256, dm.us(closed_at) FROM dm.statement WHERE account_no = $1::bigint AND number < $2::bigint "
            "ORDER BY number DESC LIMIT $3::bigint",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(before.v), dm_pa_i64((int64_t)limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_count_statements(dm_pg *c, dm_account_no account_no, dm_pg_total *out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "count_statements", DM_PG_COUNT("FROM dm.statement WHERE account_no = $1::bigint"), DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v)};
    return dm_pg_count_of(c, &st, args, DM_LEN(args), out, err);
}

int dm_sql_read_statement_body(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_statement_body",
            "SELECT body, sha256, public_key, signature, version, pages FROM dm.statement "
            "WHERE account_no = $1::bigint AND number = $2::bigint",
            DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_read_statement_is(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_statement_is",
            "SELECT number FROM dm.statement WHERE account_no = $1::bigint AND number = $2::bigint", DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_read_statement_page(
        dm_pg *c, dm_account_no account_no, dm_statement_no number, uint32_t page, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_statement_page",
            "SELECT p.body, p.sha256, (SELECT string_agg(a.sha256, ''::bytea ORDER BY a.page_no) FROM "
            "dm.statement_page a "
            "WHERE a.account_no = s.account_no AND a.period_start = s.period_start) "
            "FROM dm.statement s JOIN dm.statement_page p USING (account_no, period_start) "
            "WHERE s.account_no = $1::bigint AND s.number = $2::bigint AND p.page_no = $3::bigint",
            DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number.v), dm_pa_i64(page)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_read_lines(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_project_no project_no,
        uint32_t after, size_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_lines",
            "SELECT l.line_no, l.project_no, l.sandbox_id, l.epoch, l.sku, l.tier, l.book_id, dm.us(l.charge_from) / "
            "1000000, "
            "dm.us(l.charge_to) / 1000000, l.seconds, l.qty, l.per_unit, l.amount, dm.us(l.corrects_period) / 1000000 "
            "FROM dm.statement s "
            "JOIN dm.statement_line l ON l.account_no = s.account_no AND l.period_start = s.period_start "
            "WHERE s.account_no = $1::bigint AND s.number = $2::bigint AND ($3::bigint = 0 OR l.project_no = "
            "$3::bigint) "
            "AND l.line_no > $4::bigint ORDER BY l.line_no LIMIT $5::bigint",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number.v), dm_pa_i64(project_no.v), dm_pa_i64(after),
            dm_pa_i64((int64_t)limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

#define ALL_KEYS                                                                                                       \
    "FROM (SELECT NULL::bigint AS worker_no, public_key, valid_from, valid_to FROM dm.service_key "                    \
    "UNION ALL SELECT worker_no, public_key, valid_from, valid_to FROM dm.worker_key) k"

int dm_sql_count_keys(dm_pg *c, dm_pg_total *out, dm_err *err)
{
    static const dm_pg_stmt st = {"count_keys", DM_PG_COUNT(ALL_KEYS), DM_PG_ONE};
    return dm_pg_count_of(c, &st, NULL, 0, out, err);
}

int dm_sql_count_lines(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_project_no project_no,
        dm_pg_total *out, dm_err *err)
{
    static const dm_pg_stmt st = {"count_lines",
            DM_PG_COUNT("FROM dm.statement s JOIN dm.statement_line l ON l.account_no = s.account_no "
                        "AND l.period_start = s.period_start WHERE s.account_no = $1::bigint "
                        "AND s.number = $2::bigint AND ($3::bigint = 0 OR l.project_no = $3::bigint)"),
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number.v), dm_pa_i64(project_no.v)};
    return dm_pg_count_of(c, &st, args, DM_LEN(args), out, err);
}

int dm_sql_read_keys(dm_pg *c, const dm_read_key *after, size_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_keys",
            "SELECT worker_no, public_key, dm.us(valid_from), dm.us(valid_to) " ALL_KEYS " "
            "WHERE $2::bigint IS NULL OR (coalesce(worker_no, 0), valid_from, public_key) > "
            "($2::bigint, dm.ts($3::bigint), $4::bytea) "
            "ORDER BY coalesce(worker_no, 0), valid_from, public_key LIMIT $1::bigint",
            DM_PG_ROWS};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)limit), dm_pa_null(), dm_pa_null(), dm_pa_null()};
    if (after != NULL) {
        args[1] = dm_pa_i64((int64_t)after->worker_no.v);
        args[2] = dm_pa_i64(after->valid_from_us);
        args[3] = dm_pa_bytes(after->key.b, sizeof(after->key.b));
    }
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_read_mark(dm_pg *c, dm_worker_no worker_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_mark",
            "SELECT worker_boot, last_frame FROM dm.worker_mark WHERE worker_no = $1::bigint", DM_PG_MAYBE};
    dm_pg_arg args[] = {dm_pa_i64((int64_t)worker_no.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_read_meters(dm_pg *c, int64_t most, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_meters",
            "SELECT m.name, h.owner IS NOT NULL, m.version, m.reaches,"
            " greatest(extract(epoch FROM now() - m.beat_at), 0)::bigint"
            " FROM dm.meter_here m LEFT JOIN dm.meter_holder h ON h.owner = m.owner AND h.left_at IS NULL"
            " WHERE m.beat_at > now() - interval '1 day' ORDER BY m.name LIMIT $1::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(most)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_read_beat(dm_pg *c, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_beat",
            "SELECT version, dm.us(started_at), greatest(extract(epoch FROM now() - beat_at), 0)::bigint, lag_frames,"
            " lag_attestations,"
            " coalesce((SELECT min(m.complete_through) * 1000000 FROM dm.worker_mark m JOIN dm.worker w USING "
            "(worker_no)"
            "  WHERE w.state <> 'written_off'), 0),"
            " coalesce((SELECT dm.us(p.period_start) + p.period_s::bigint * 1000000 FROM dm.period p"
            "  WHERE p.closed_at IS NOT NULL ORDER BY p.period_start DESC LIMIT 1), 0) FROM dm.meter_beat",
            DM_PG_MAYBE};
    return dm_pg_exec(c, &st, NULL, 0, out, NULL, err);
}
