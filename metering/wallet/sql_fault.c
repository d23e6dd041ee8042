#include "metering/wallet/sql_fault.h"

int dm_sql_faults(dm_pg *c, int64_t since, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    /* The causes stand here as the index has them; a test holds them against base/wire/cause.h. */
    static const dm_pg_stmt st = {"wallet_faults",
            "SELECT s.account_no, s.project_no, s.sandbox_id, s.epoch, s.cause, dm.us(s.ended_at) / 1000000 "
            "FROM dm.sandbox s WHERE s.state = 'ended' AND s.cause IN ('operator_killed', 'operator_drained', "
            "'host_lost', 'vmm_crashed', 'restore_failed', 'start_failed') "
            "AND s.ended_at >= dm.ts($1::bigint * 1000000) AND NOT EXISTS (SELECT FROM dm.wallet_fault f "
            " WHERE f.account_no = s.account_no AND f.project_no = s.project_no AND f.sandbox_id = s.sandbox_id "
            " AND f.epoch = s.epoch) "
            "AND EXISTS (SELECT FROM dm.period p WHERE p.period_start + make_interval(secs => p.period_s) > "
            "s.ended_at) "
            "AND NOT EXISTS (SELECT FROM dm.account_period o WHERE o.account_no = s.account_no AND o.state = 'open' "
            " AND o.period_start <= s.ended_at) "
            "ORDER BY s.ended_at, s.sandbox_id LIMIT $2::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(since), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_fault_read(const dm_pg_rows *rows, size_t i, dm_fault *out, dm_err *err)
{
    *out = (dm_fault){.owner = {{dm_pg_i64(rows, i, 0)}, {dm_pg_i64(rows, i, 1)}},
            .epoch = dm_pg_i64(rows, i, 3),
            .lost_s = dm_pg_i64(rows, i, 5)};
    int r = dm_pg_bytes(rows, i, 2, out->sandbox.b, sizeof(out->sandbox.b), err);
    return r < 0 ? r : dm_str_to_array(dm_pg_str(rows, i, 4), out->cause, sizeof(out->cause), err);
}

int dm_sql_fault_judged(dm_pg *c, const dm_fault *f, bool *out, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_fault_judged",
            "SELECT epoch FROM dm.wallet_fault WHERE account_no = $1::bigint AND project_no = $2::bigint "
            "AND sandbox_id = $3 AND epoch = $4::bigint",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(f->owner.account.v), dm_pa_i64(f->owner.project.v),
            dm_pa_bytes(f->sandbox.b, sizeof(f->sandbox.b)), dm_pa_i64(f->epoch)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_count(rows) > 0;
    return r;
}

int dm_sql_fault_charged(dm_pg *c, const dm_fault *f, dm_pg_rows **out, dm_err *err)
{
    /* A sandbox's running seconds stand on the pages alone, which are searched for its name only where minutes were
     * paid for: the accounts that pay so run few at once. */
    static const dm_pg_stmt st = {"wallet_fault_charged",
            "WITH lost AS (SELECT period_start, period_s FROM dm.period WHERE period_start <= dm.ts($5::bigint * "
            "1000000) AND period_start + make_interval(secs => period_s) > dm.ts($5::bigint * 1000000) "
            " ORDER BY period_start DESC LIMIT 1), "
            "at AS (SELECT period_start FROM lost UNION ALL SELECT p.period_start FROM dm.period p WHERE "
            " p.period_start + make_interval(secs => p.period_s) = (SELECT period_start FROM lost)), "
            "own AS (SELECT s.period_start, s.number, s.currency, s.body, sum(l.amount) AS amount, "
            "  sum(l.seconds) FILTER (WHERE l.sku = 'vcpu-run') AS seconds FROM at JOIN dm.statement s ON "
            "  s.account_no = $1::bigint AND s.period_start = at.period_start LEFT JOIN dm.statement_line l "
            "  ON l.account_no = s.account_no AND l.period_start = s.period_start AND l.project_no = $2::bigint "
            "  AND l.sandbox_id = $3 AND l.kind = 'usage' AND l.sku IN ('vcpu-run', 'mem-run', 'disk-run-over-30') "
            "  GROUP BY s.account_no, s.period_start), "
            "pool AS (SELECT o.period_start, sum(l.amount) AS amount, "
            "  (convert_from(o.body, 'UTF8')::jsonb #>> '{pool,after_s}')::bigint "
            "  - (convert_from(o.body, 'UTF8')::jsonb #>> '{pool,before_s}')::bigint AS seconds FROM own o "
            "  JOIN dm.statement_line l ON l.account_no = $1::bigint AND l.period_start = o.period_start "
            "  AND l.sandbox_id IS NULL AND l.sku = 'minutes' AND l.kind = 'usage' GROUP BY o.period_start, o.body "
            "  HAVING sum(l.amount) > 0), "
            "pages AS MATERIALIZED (SELECT g.period_start, g.body FROM pool JOIN dm.statement_page g ON "
            "  g.account_no = $1::bigint AND g.period_start = pool.period_start "
            "  WHERE position(convert_to($4, 'UTF8') IN g.body) > 0), "
            "ran AS (SELECT g.period_start, sum((x ->> 'running_s')::bigint) AS seconds FROM pages g, "
            "  jsonb_array_elements(convert_from(g.body, 'UTF8')::jsonb -> 'sandboxes') x "
            "  WHERE x ->> 'sandbox' = $4 AND (x ->> 'project_no')::bigint = $2::bigint GROUP BY g.period_start) "
            "SELECT own.number, own.currency, coalesce(own.amount, 0), coalesce(own.seconds, 0)::bigint, "
            "coalesce(pool.amount, 0), coalesce(pool.seconds, 0), coalesce(ran.seconds, 0)::bigint FROM own "
            "LEFT JOIN pool USING (period_start) LEFT JOIN ran USING (period_start) ORDER BY own.number DESC",
            DM_PG_ROWS};
    dm_sandbox_name name = dm_sandbox_name_of(&f->sandbox);
    const dm_pg_arg args[] = {dm_pa_i64(f->owner.account.v), dm_pa_i64(f->owner.project.v),
            dm_pa_bytes(f->sandbox.b, sizeof(f->sandbox.b)), dm_pa_c(name.s), dm_pa_i64(f->lost_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_fault_add(dm_pg *c, const dm_fault *f, const char *currency, dm_money amount, bool split,
        const char *statements, int64_t grant_no, dm_err *err)
{
    static const dm_pg_stmt st = {"wallet_fault_add",
            "INSERT INTO dm.wallet_fault (account_no, project_no, sandbox_id, epoch, cause, lost_at, currency, amount, "
            "split, statements, grant_no) SELECT a.account_no, $2::bigint, $3, $4::bigint, $5, "
            "dm.ts($6::bigint * 1000000), coalesce($7, a.currency), $8::numeric, $9::boolean, $10::bigint[], "
            "$11::bigint FROM dm.account a WHERE a.account_no = $1::bigint",
            DM_PG_NONE};
    char text[DM_MONEY_TEXT];
    dm_money_print(amount, text);
    const dm_pg_arg args[] = {dm_pa_i64(f->owner.account.v), dm_pa_i64(f->owner.project.v),
            dm_pa_bytes(f->sandbox.b, sizeof(f->sandbox.b)), dm_pa_i64(f->epoch), dm_pa_c(f->cause),
            dm_pa_i64(f->lost_s), currency[0] != '\0' ? dm_pa_c(currency) : dm_pa_null(), dm_pa_c(text),
            dm_pa_bool(split), dm_pa_c(statements), grant_no != 0 ? dm_pa_i64(grant_no) : dm_pa_null()};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}
