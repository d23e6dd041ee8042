#include "metering/invoice/sql_issue.h"

#include "metering/kit/many.h"

int dm_sql_issue_chain(dm_pg *c, int64_t entity_no, int64_t *last, dm_digest *sha256, dm_err *err)
{
    static const dm_pg_stmt make = {"invoice_chain_make",
            "INSERT INTO dm.invoice_chain (entity_no) VALUES ($1::smallint) ON CONFLICT DO NOTHING", DM_PG_NONE};
    static const dm_pg_stmt st = {"invoice_chain",
            "SELECT last, sha256 FROM dm.invoice_chain WHERE entity_no = $1::smallint FOR UPDATE", DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(entity_no)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &make, args, DM_LEN(args), NULL, NULL, err);
    if (r == 0)
        r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r < 0)
        return r;
    *last = dm_pg_i64(rows, 0, 0);
    return dm_pg_bytes(rows, 0, 1, sha256->b, sizeof sha256->b, err);
}

int dm_sql_issue_chain_on(dm_pg *c, int64_t entity_no, int64_t last, const dm_digest *sha256, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_chain_on",
            "UPDATE dm.invoice_chain SET last = $2::bigint, sha256 = $3 WHERE entity_no = $1::smallint", DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(entity_no), dm_pa_i64(last), dm_pa_bytes(sha256->b, sizeof sha256->b)};
    return dm_pg_exec(c, &st, args, DM_LEN(args), NULL, NULL, err);
}

int dm_sql_issue_next(dm_pg *c, int64_t entity_no, const char *series, int64_t *out, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_next",
            "INSERT INTO dm.invoice_series VALUES ($1::smallint, $2, 1) ON CONFLICT (entity_no, series) "
            "DO UPDATE SET last = invoice_series.last + 1 RETURNING last",
            DM_PG_ONE};
    const dm_pg_arg args[] = {dm_pa_i64(entity_no), dm_pa_c(series)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *out = dm_pg_i64(rows, 0, 0);
    return r;
}

int dm_sql_issue_doc(dm_pg *c, const dm_doc *d, const dm_issued *s, int64_t *invoice_no, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_add",
            "INSERT INTO dm.invoice (account_no, kind, number, entity_no, chain, currency, period_start, period_end, "
            "issued_at, due_on, refers_to, reason, exact_total, discount, net, tax, total, prepaid, rounding, frozen, "
            "body, sha256, previous_sha256, public_key, signature) VALUES ($1::bigint, $2, $3, $4::smallint, "
            "$5::bigint, $6, dm.ts($7::bigint * 1000000), dm.ts($8::bigint * 1000000), dm.ts($9::bigint * 1000000), "
            "(dm.ts($10::bigint * 1000000) AT TIME ZONE 'UTC')::date, $11::bigint, $12, $13::numeric, $14::numeric, "
            "$15::numeric, $16::numeric, $17::numeric, $18::numeric, $19::numeric, $20::jsonb, $21, $22, $23, $24, "
            "$25) RETURNING invoice_no",
            DM_PG_ONE};
    const dm_invoice *v = &d->v;
    char sums[7][DM_MONEY_TEXT];
    const dm_money of[] = {v->exact, v->discount, v->net, v->tax, v->total, v->prepaid, v->rounding};
    for (size_t i = 0; i < DM_LEN(of); i++)
        dm_money_print(of[i], sums[i]);
    const dm_pg_arg args[] = {dm_pa_i64(d->account_no.v), dm_pa_c(v->credit_note ? "credit_note" : "invoice"),
            dm_pa_text(v->number), dm_pa_i64(d->entity_no), dm_pa_i64(v->chain), dm_pa_c(v->currency),
            dm_pa_i64(v->period_start), dm_pa_i64(v->period_end), dm_pa_i64(v->issued_s),
            v->credit_note ? dm_pa_null() : dm_pa_i64(v->due_s),
            d->refers_no != 0 ? dm_pa_i64(d->refers_no) : dm_pa_null(), dm_pa_text(v->reason), dm_pa_c(sums[0]),
            dm_pa_c(sums[1]), dm_pa_c(sums[2]), dm_pa_c(sums[3]), dm_pa_c(sums[4]), dm_pa_c(sums[5]), dm_pa_c(sums[6]),
            dm_pa_text(dm_pg_str(d->head, 0, 6)), dm_pa_bytes(s->body.p, s->body.n),
            dm_pa_bytes(s->sha256.b, sizeof s->sha256.b), dm_pa_bytes(v->previous.b, sizeof v->previous.b),
            dm_pa_bytes(s->key.b, sizeof s->key.b), dm_pa_bytes(s->signature.b, sizeof s->signature.b)};
    DM_AUTO(dm_pg_rows) rows = NULL;
    int r = dm_pg_exec(c, &st, args, DM_LEN(args), &rows, NULL, err);
    if (r == 0)
        *invoice_no = dm_pg_i64(rows, 0, 0);
    return r;
}

static void put_money(dm_jw *w, const char *name, dm_money m)
{
    char text[DM_MONEY_TEXT];
    dm_money_print(m, text);
    dm_jw_kc(w, name, text);
}

static void put_line(dm_jw *w, const dm_invoice_line *l, size_t line_no)
{
    char text[DM_MONEY_TEXT];
    dm_jw_ku64(w, "line_no", line_no);
    dm_jw_kstr(w, "kind", l->kind);
    if (l->project.p != NULL) {
        dm_jw_ki64(w, "project_no", l->project_no.v);
        dm_jw_kstr(w, "project_id", l->project);
        dm_jw_kmaybe(w, "project_name", l->project_name);
    }
    dm_jw_kstr(w, "sku", l->sku);
    dm_jw_ku64(w, "tier", l->tier);
    if (l->priced) {
        dm_jw_ki64(w, "book_id", l->book);
        dm_qty_print(l->qty, text);
        dm_jw_kc(w, "qty", text);
        dm_price_print(l->per_unit, text);
        dm_jw_kc(w, "per_unit", text);
    }
    dm_jw_ki64(w, "seconds", l->seconds);
    put_money(w, "amount", l->amount);
    put_money(w, "net", l->net);
    dm_jw_ku64(w, "tax_no", l->tax + 1);
    if (l->of_line != 0)
        dm_jw_ku64(w, "of_line", l->of_line);
}

int dm_sql_issue_lines(dm_pg *c, const dm_doc *d, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_lines_add",
            "INSERT INTO dm.invoice_line (account_no, invoice_no, line_no, kind, project_no, project_id, project_name, "
            "sku, tier, book_id, qty, per_unit, seconds, amount, net, tax_no, of_line) SELECT $2::bigint, $3::bigint, "
            "l.* FROM json_to_recordset($1::json) AS l (line_no int, kind text, project_no int, project_id uuid, "
            "project_name text, sku text, tier smallint, book_id bigint, qty numeric, per_unit numeric, "
            "seconds bigint, amount numeric, net numeric, tax_no int, of_line int)",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(d->account_no.v), dm_pa_i64(d->invoice_no)};
    DM_AUTO_MANY m;
    dm_many_init(&m, c, &st, args, DM_LEN(args));
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->v.nlines; i++) {
        put_line(dm_many_row(&m), &d->v.lines[i], i + 1);
        r = dm_many_row_end(&m, err);
    }
    return r < 0 ? r : dm_many_flush(&m, err);
}

static void put_commitment(dm_jw *w, const dm_invoice_commitment *m)
{
    dm_jw_kstr(w, "contract", m->contract);
    dm_jw_ki64(w, "month_s", m->month_s);
    put_money(w, "least", m->least);
    put_money(w, "charges", m->charges);
    put_money(w, "before", m->before);
    put_money(w, "amount", m->amount);
    if (m->line != 0)
        dm_jw_ku64(w, "line_no", m->line);
    dm_jw_kstr(w, "invoices", m->invoices);
}

int dm_sql_issue_commitments(dm_pg *c, const dm_doc *d, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_commitments_add",
            "INSERT INTO dm.invoice_commitment (account_no, invoice_no, month, contract_no, least, charges, before, "
            "amount, line_no, invoices) SELECT $2::bigint, $3::bigint, (dm.ts(x.month_s * 1000000) AT TIME ZONE "
            "'UTC')::date, k.contract_no, x.least, x.charges, x.before, x.amount, x.line_no, x.invoices FROM "
            "json_to_recordset($1::json) AS x (contract uuid, month_s bigint, least numeric, charges numeric, before "
            "numeric, amount numeric, line_no int, invoices text) JOIN dm.contract k ON k.id = x.contract",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(d->account_no.v), dm_pa_i64(d->invoice_no)};
    DM_AUTO_MANY m;
    dm_many_init(&m, c, &st, args, DM_LEN(args));
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->v.ncommitments; i++) {
        put_commitment(dm_many_row(&m), &d->v.commitments[i]);
        r = dm_many_row_end(&m, err);
    }
    return r < 0 ? r : dm_many_flush(&m, err);
}

static void put_tax(dm_jw *w, const dm_invoice_tax *x, size_t tax_no)
{
    dm_jw_ku64(w, "tax_no", tax_no);
    dm_jw_kstr(w, "category", x->category);
    dm_jw_ku64(w, "rate_ppm", x->rate_ppm);
    dm_jw_kbool(w, "reverse_charge", x->reverse_charge);
    dm_jw_kstr(w, "jurisdiction", x->jurisdiction);
    dm_jw_kmaybe(w, "reason_code", x->reason_code);
    dm_jw_kmaybe(w, "reason", x->reason);
    put_money(w, "exact", x->exact);
    put_money(w, "discount", x->discount);
    put_money(w, "lines", x->lines);
    put_money(w, "base", x->base);
    put_money(w, "amount", x->amount);
    put_money(w, "rounding", x->rounding);
}

int dm_sql_issue_taxes(dm_pg *c, const dm_doc *d, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_taxes_add",
            "INSERT INTO dm.invoice_tax (account_no, invoice_no, tax_no, category, rate_ppm, reverse_charge, "
            "jurisdiction, reason_code, reason, exact, discount, lines, base, amount, rounding) SELECT $2::bigint, "
            "$3::bigint, x.* FROM json_to_recordset($1::json) AS x (tax_no int, category text, rate_ppm int, "
            "reverse_charge boolean, jurisdiction text, reason_code text, reason text, exact numeric, "
            "discount numeric, lines numeric, base numeric, amount numeric, rounding numeric)",
            DM_PG_NONE};
    const dm_pg_arg args[] = {dm_pa_i64(d->account_no.v), dm_pa_i64(d->invoice_no)};
    DM_AUTO_MANY m;
    dm_many_init(&m, c, &st, args, DM_LEN(args));
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->v.ntaxes; i++) {
        put_tax(dm_many_row(&m), &d->v.taxes[i], i + 1);
        r = dm_many_row_end(&m, err);
    }
    return r < 0 ? r : dm_many_flush(&m, err);
}

int dm_sql_issue_statements(dm_pg *c, const dm_doc *d, int64_t *changed, dm_err *err)
{
    static const dm_pg_stmt st = {"invoice_statements_add",
            "INSERT INTO dm.invoice_statement (account_no, invoice_no, period_start, number, sha256, total) "
            "SELECT s.account_no, $2::bigint, s.period_start, s.number, s.sha256, s.total FROM dm.statement s "
            "WHERE s.account_no = $1::bigint AND s.number IN (SELECT n::bigint FROM "
            "json_array_elements_text($3::json) n)",
            DM_PG_NONE};
    DM_AUTO_BUF numbers;
    dm_buf_init(&numbers, 2 << 20);
    dm_jw w;
    dm_jw_init(&w, &numbers);
    dm_jw_arr(&w);
    for (size_t i = 0; i < dm_pg_count(d->statement_rows); i++)
        dm_jw_i64(&w, dm_pg_i64(d->statement_rows, i, 0));
    dm_jw_arr_end(&w);
    int r = dm_buf_ok(&numbers, err);
    const dm_pg_arg args[] = {dm_pa_i64(d->account_no.v), dm_pa_i64(d->invoice_no), dm_pa_text(dm_buf_view(&numbers))};
    return r < 0 ? r : dm_pg_exec(c, &st, args, DM_LEN(args), NULL, changed, err);
}
