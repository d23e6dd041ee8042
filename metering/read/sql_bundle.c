#include "metering/read/sql_bundle.h"

int dm_sql_bundle_range(dm_pg *c, dm_account_no account_no, dm_statement_no first, dm_statement_no last, int64_t from,
        int64_t to, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt by_number = {"bundle_range",
            "SELECT min(number), max(number), count(*) FROM dm.statement WHERE account_no = $1::bigint "
            "AND number BETWEEN $2::bigint AND $3::bigint",
            DM_PG_ONE};
    static const dm_pg_stmt by_time = {"bundle_range_of_time",
            "SELECT min(number), max(number), count(*) FROM dm.statement WHERE account_no = $1::bigint "
            "AND period_start >= dm.ts($2::bigint * 1000000) AND period_start < dm.ts($3::bigint * 1000000)",
            DM_PG_ONE};
    const dm_pg_arg numbers[] = {dm_pa_i64(account_no.v), dm_pa_i64(first.v), dm_pa_i64(last.v)};
    const dm_pg_arg times[] = {dm_pa_i64(account_no.v), dm_pa_i64(from), dm_pa_i64(to)};
    return first.v > 0 ? dm_pg_exec(c, &by_number, numbers, DM_LEN(numbers), out, NULL, err)
                       : dm_pg_exec(c, &by_time, times, DM_LEN(times), out, NULL, err);
}

int dm_sql_bundle_books(dm_pg *c, dm_account_no account_no, dm_statement_no first, dm_statement_no last, int64_t limit,
        dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bundle_books",
            "WITH s AS (SELECT period_start, period_s, currency, body FROM dm.statement WHERE account_no = $1::bigint "
            "AND number BETWEEN $2::bigint AND $3::bigint), "
            "t AS (SELECT min(period_start) AS from_at, max(period_start + make_interval(secs => period_s)) AS to_at "
            "FROM s), "
            "held AS (SELECT p.tier, greatest(p.valid_from, t.from_at) AS from_at, t.to_at, k.currency FROM t, "
            "dm.account_plan p, (SELECT DISTINCT currency FROM s) k WHERE p.account_no = $1::bigint "
            "AND p.valid_from < t.to_at AND NOT EXISTS (SELECT FROM dm.account_plan n WHERE n.account_no = $1::bigint "
            "AND n.valid_from > p.valid_from AND n.valid_from <= t.from_at)), "
            "b AS (SELECT (x->>'id')::bigint AS id FROM s, json_array_elements(convert_from(s.body, "
            "'UTF8')::json->'books') x UNION SELECT h.book_id FROM held, LATERAL dm.books_of($1::bigint, held.tier, "
            "held.currency, held.from_at, held.to_at) h) "
            "SELECT b.id, dm.us(least(k.valid_to, c.valid_to)) / 1000000 FROM b JOIN dm.price_book k ON k.book_id = "
            "b.id LEFT JOIN dm.contract c USING (contract_no) ORDER BY b.id LIMIT $4::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(first.v), dm_pa_i64(last.v), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bundle_invoices(dm_pg *c, dm_account_no account_no, dm_statement_no first, dm_statement_no last,
        int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bundle_invoices",
            "WITH i AS (SELECT DISTINCT invoice_no FROM dm.invoice_statement WHERE account_no = $1::bigint AND number "
            "BETWEEN $2::bigint AND $3::bigint UNION SELECT m.invoice_no FROM dm.invoice_commitment m JOIN dm.invoice "
            "o "
            "USING (account_no, invoice_no), (SELECT min(period_start) AS from_at, max(period_start + "
            "make_interval(secs => period_s)) AS to_at FROM dm.statement WHERE account_no = $1::bigint AND number "
            "BETWEEN $2::bigint AND $3::bigint) t WHERE m.account_no = $1::bigint AND o.period_start < t.to_at AND "
            "o.period_end > t.from_at AND NOT EXISTS (SELECT FROM dm.invoice_statement s WHERE s.account_no = "
            "m.account_no AND s.invoice_no = m.invoice_no)) SELECT d.invoice_no, d.number FROM dm.invoice d WHERE "
            "d.account_no = "
            "$1::bigint AND (d.invoice_no IN (SELECT invoice_no FROM i) OR d.refers_to IN (SELECT invoice_no FROM i)) "
            "ORDER BY d.entity_no, d.chain LIMIT $4::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(first.v), dm_pa_i64(last.v), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bundle_invoice(dm_pg *c, dm_account_no account_no, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bundle_invoice",
            "SELECT d.body, d.sha256, d.public_key, d.signature, d.entity_no, d.number, (SELECT "
            "string_agg(s.number::text, "
            "',' ORDER BY s.number) FROM dm.invoice_statement s WHERE s.account_no = d.account_no AND s.invoice_no = "
            "d.invoice_no) FROM dm.invoice d WHERE d.account_no = $1::bigint AND d.invoice_no = $2::bigint",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(invoice_no)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bundle_regions(dm_pg *c, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bundle_regions",
            "SELECT region_no, name, price_group FROM dm.region ORDER BY region_no LIMIT $1::bigint", DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bundle_keys(dm_pg *c, dm_worker_no worker_no, int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt service = {"bundle_service_keys",
            "SELECT public_key, dm.us(valid_from) / 1000000, dm.us(valid_to) / 1000000 FROM dm.service_key "
            "ORDER BY valid_from, public_key LIMIT $1::bigint",
            DM_PG_ROWS};
    static const dm_pg_stmt worker = {"bundle_worker_keys",
            "SELECT public_key, dm.us(valid_from) / 1000000, dm.us(valid_to) / 1000000 FROM dm.worker_key "
            "WHERE worker_no = $2::bigint ORDER BY valid_from, public_key LIMIT $1::bigint",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(limit), dm_pa_i64((int64_t)worker_no.v)};
    return worker_no.v == 0 ? dm_pg_exec(c, &service, args, 1, out, NULL, err)
                            : dm_pg_exec(c, &worker, args, 2, out, NULL, err);
}

int dm_sql_bundle_head(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bundle_head",
            "SELECT s.body, s.sha256, s.public_key, s.signature, s.version, s.pages, "
            "dm.us(s.period_start) / 1000000, dm.us(s.closed_at) / 1000000, "
            "(SELECT string_agg(p.sha256, ''::bytea ORDER BY p.page_no) FROM dm.statement_page p "
            "WHERE p.account_no = s.account_no AND p.period_start = s.period_start) "
            "FROM dm.statement s WHERE s.account_no = $1::bigint AND s.number = $2::bigint",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_bundle_page(
        dm_pg *c, dm_account_no account_no, int64_t period_start, uint32_t page, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"bundle_page",
            "SELECT body FROM dm.statement_page WHERE account_no = $1::bigint "
            "AND period_start = dm.ts($2::bigint * 1000000) AND page_no = $3::bigint",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(period_start), dm_pa_i64(page)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

/* By the index of their hashes: a page has few, and its account's partition very many. What corrects names those of the
 * period that it corrects, and none of what nobody swore to. */
int dm_sql_oaths(dm_pg *c, dm_account_no account_no, dm_statement_no number, uint32_t page, int64_t after,
        int64_t limit, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_oaths",
            "WITH stated AS MATERIALIZED (SELECT e.n, decode(e.x->>'attestation', 'hex') AS hash, "
            "coalesce((b.j->'corrects'->'period'->>'start')::timestamptz, s.period_start) AS period_start "
            "FROM dm.statement s JOIN dm.statement_page p USING (account_no, period_start), "
            "LATERAL (SELECT convert_from(p.body, 'UTF8')::jsonb AS j) b, "
            "jsonb_array_elements(b.j->'sandboxes') WITH ORDINALITY e(x, n) "
            "WHERE s.account_no = $1::bigint AND s.number = $2::bigint AND p.page_no = $3::bigint AND e.n > $4::bigint "
            "AND e.x->>'attestation' IS NOT NULL "
            "ORDER BY e.n LIMIT $5::bigint) "
            "SELECT w.n, a.sandbox_id, a.epoch, a.worker_no, a.by_service, w.hash, a.message FROM stated w "
            "LEFT JOIN LATERAL (SELECT * FROM dm.attestation t WHERE t.hash = w.hash AND t.account_no = $1::bigint "
            "AND t.period_start = w.period_start LIMIT 1) a ON true ORDER BY w.n",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {
            dm_pa_i64(account_no.v), dm_pa_i64(number.v), dm_pa_i64(page), dm_pa_i64(after), dm_pa_i64(limit)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_oaths_count(dm_pg *c, dm_account_no account_no, dm_statement_no number, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"count_oaths",
            "SELECT (convert_from(body, 'UTF8')::json->'attestations'->>'count')::bigint, pages FROM dm.statement "
            "WHERE account_no = $1::bigint AND number = $2::bigint",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_i64(number.v)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_oath_of(dm_pg *c, dm_account_no account_no, const dm_digest *hash, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"read_oath_of",
            "SELECT 0, sandbox_id, epoch, worker_no, by_service, hash, message FROM dm.attestation "
            "WHERE hash = $2 AND account_no = $1::bigint LIMIT 1",
            DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_i64(account_no.v), dm_pa_bytes(hash->b, sizeof(hash->b))};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}
