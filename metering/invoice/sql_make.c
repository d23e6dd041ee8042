#include "metering/invoice/sql_make.h"

#include "metering/invoice/sql_owed.h"

static int owed(dm_pg *c, const dm_pg_stmt *st, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(m->account_no.v), dm_pa_i64(m->from_s), dm_pa_i64(m->to_s),
            dm_pa_bool(m->again), dm_pa_i64(last)};
    return dm_pg_exec(c, st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_make_statements(dm_pg *c, const dm_make *m, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {
            "invoice_make_statements", "SELECT s.number, s.sha256 " DM_SQL_OWED " ORDER BY s.number", DM_PG_ROWS};
    return owed(c, &st, m, INT64_MAX, out, err);
}

int dm_sql_make_head(dm_pg *c, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_make_head",
            "WITH h AS (SELECT s.period_start, s.period_s, convert_from(s.body, 'UTF8')::jsonb AS b " DM_SQL_OWED ") "
            "SELECT a.account_no, a.id, e.entity_no, a.currency, coalesce((SELECT dm.us(min(period_start)) / 1000000 "
            "FROM "
            "h), $2::bigint), coalesce((SELECT dm.us(max(period_start + make_interval(secs => period_s))) / 1000000 "
            "FROM "
            "h), $3::bigint), "
            "jsonb_build_object("
            "'books', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'sha256', k.sha256) ORDER BY k.id), "
            "'[]') FROM (SELECT DISTINCT (x->>'id')::bigint AS id, x->>'sha256' AS sha256 FROM h, "
            "jsonb_array_elements(h.b->'books') x) k), "
            "'plans', (SELECT coalesce(jsonb_agg(p.tier ORDER BY p.tier COLLATE \"C\"), '[]') FROM (SELECT DISTINCT "
            "x->>'tier' AS tier FROM h, jsonb_array_elements(h.b->'plans') x) p), "
            "'buyer', jsonb_build_object('name', a.legal_name, 'address', a.address, 'country', a.country, 'tax_id', "
            "a.tax_id, 'email', a.invoice_email), 'seller', jsonb_build_object('name', o.name, 'address', o.address, "
            "'country', o.country, 'tax_id', o.tax_id, 'legal_id', o.legal_id, 'email', o.email, 'iban', o.iban, "
            "'bic', o.bic), 'purchase_order', a.purchase_order, 'tax_id_check', a.tax_id_check, "
            "'terms_days', o.terms_days, 'url', e.url) "
            "FROM dm.account a JOIN dm.legal_entity e USING (entity_no) CROSS JOIN LATERAL (SELECT * FROM dm.seller s "
            "WHERE s.entity_no = a.entity_no AND s.status = 'approved' AND s.valid_from <= dm.ts($6::bigint * 1000000) "
            "ORDER BY s.valid_from DESC LIMIT 1) o WHERE a.account_no = $1::bigint",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(m->account_no.v), dm_pa_i64(m->from_s), dm_pa_i64(m->to_s),
            dm_pa_bool(m->again), dm_pa_i64(last), dm_pa_i64(m->now_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_make_lines(dm_pg *c, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_make_lines",
            "SELECT l.kind, l.project_no, p.id, p.name, l.sku, l.tier, l.book_id, sum(l.qty), l.per_unit, "
            "sum(l.seconds)::bigint, sum(l.amount), 0.0, 1, NULL FROM (SELECT s.account_no, s.period_start " DM_SQL_OWED
            ") s "
            "JOIN dm.statement_line l USING (account_no, period_start) LEFT JOIN dm.project p USING (account_no, "
            "project_no) WHERE l.kind <> 'measured' GROUP BY l.kind, l.project_no, p.id, p.name, l.sku, l.tier, "
            "l.book_id, l.per_unit "
            "ORDER BY l.project_no NULLS FIRST, l.kind COLLATE \"C\", l.sku COLLATE \"C\", l.book_id, l.tier, "
            "l.per_unit",
            DM_PG_ROWS};
    return owed(c, &st, m, last, out, err);
}

int dm_sql_make_burnt(dm_pg *c, const dm_make *m, int64_t last, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_make_burnt",
            "SELECT coalesce(sum(b.promo), 0), coalesce(sum(b.paid), 0) FROM dm.wallet_burn b "
            "WHERE b.account_no = $1::bigint AND b.statement_no IN (SELECT s.number " DM_SQL_OWED ")",
            DM_PG_ONE};
    return owed(c, &st, m, last, out, err);
}

int dm_sql_make_taxes(dm_pg *c, int64_t at_s, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_make_taxes",
            "SELECT rule_no, seller, buyer, business, category, rate_ppm, reverse_charge, jurisdiction, reason_code, "
            "reason, dm.us(valid_from) / 1000000, dm.us(valid_to) / 1000000 FROM dm.tax_rule "
            "WHERE status = 'approved' AND valid_from <= dm.ts($1::bigint * 1000000) AND (valid_to IS NULL OR valid_to "
            "> "
            "dm.ts($1::bigint * 1000000)) ORDER BY rule_no LIMIT 4097",
            DM_PG_ROWS};
    const dm_pg_arg args[] = {dm_pa_i64(at_s)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_make_area(dm_pg *c, dm_str country, char out[4], dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_make_area", "SELECT area FROM dm.tax_area WHERE country = $1", DM_PG_MAYBE};
    const dm_pg_arg args[] = {dm_pa_text(country)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    out[0] = '\0';
    return r < 0 || dm_pg_count(rows) == 0 ? r : dm_str_to_array(dm_pg_str(rows, 0, 0), out, 4, err);
}
