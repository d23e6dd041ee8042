#include "metering/invoice/sql_doc.h"

static int of_doc(dm_pg *c, const dm_pg_stmt *st, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    const dm_pg_arg args[] = {dm_pa_i64(invoice_no)};
    return dm_pg_exec(c, st, args, DM_LEN(args), out, NULL, err);
}

int dm_sql_doc_head(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_doc_head",
            "SELECT i.account_no, a.id, i.entity_no, i.currency, dm.us(i.period_start) / 1000000, "
            "dm.us(i.period_end) / 1000000, i.frozen, i.invoice_no, i.kind, i.number, i.chain, "
            "dm.us(i.issued_at) / 1000000, (i.due_on - DATE '1970-01-01')::bigint * 86400, i.refers_to, r.number, "
            "i.reason, i.discount, i.prepaid, i.previous_sha256 FROM dm.invoice i JOIN dm.account a USING (account_no) "
            "LEFT JOIN dm.invoice r ON r.invoice_no = i.refers_to WHERE i.invoice_no = $1::bigint",
            DM_PG_MAYBE};
    return of_doc(c, &st, invoice_no, out, err);
}

int dm_sql_doc_commitments(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_doc_commitments",
            "SELECT k.id, dm.us(m.month::timestamp AT TIME ZONE 'UTC') / 1000000, dm.us((m.month + interval '1 month') "
            "AT TIME ZONE 'UTC') / 1000000, m.least, m.charges, m.before, m.invoices, m.line_no, m.amount FROM "
            "dm.invoice i JOIN dm.invoice_commitment m USING (account_no, invoice_no) JOIN dm.contract k USING "
            "(contract_no) WHERE i.invoice_no = $1::bigint ORDER BY m.month",
            DM_PG_ROWS};
    return of_doc(c, &st, invoice_no, out, err);
}

int dm_sql_doc_lines(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_doc_lines",
            "SELECT l.kind, l.project_no, l.project_id, l.project_name, l.sku, l.tier, l.book_id, l.qty, l.per_unit, "
            "l.seconds, l.amount, l.net, l.tax_no, l.of_line FROM dm.invoice i JOIN dm.invoice_line l "
            "USING (account_no, invoice_no) WHERE i.invoice_no = $1::bigint ORDER BY l.line_no",
            DM_PG_ROWS};
    return of_doc(c, &st, invoice_no, out, err);
}

int dm_sql_doc_taxes(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_doc_taxes",
            "SELECT t.category, t.rate_ppm, t.reverse_charge, t.jurisdiction, t.reason_code, t.reason, t.exact, "
            "t.discount, t.lines, t.base, t.amount, t.rounding FROM dm.invoice i JOIN dm.invoice_tax t "
            "USING (account_no, invoice_no) WHERE i.invoice_no = $1::bigint ORDER BY t.tax_no",
            DM_PG_ROWS};
    return of_doc(c, &st, invoice_no, out, err);
}

int dm_sql_doc_statements(dm_pg *c, int64_t invoice_no, dm_pg_rows **out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_doc_statements",
            "SELECT s.number, s.sha256 FROM dm.invoice i JOIN dm.invoice_statement s USING (account_no, invoice_no) "
            "WHERE i.invoice_no = $1::bigint ORDER BY s.number",
            DM_PG_ROWS};
    return of_doc(c, &st, invoice_no, out, err);
}
