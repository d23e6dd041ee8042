#include "metering/invoice/doc.h"

#include <assert.h>

#include "base/parse.h"

#include "metering/invoice/sql_doc.h"

enum { FROZEN_MAX = 4 << 20, BOOKS_MAX = 10000, PLANS_MAX = 100 };

void dm_doc_done(dm_doc *d)
{
    dm_pg_rows_free(d->head);
    dm_pg_rows_free(d->line_rows);
    dm_pg_rows_free(d->tax_rows);
    dm_pg_rows_free(d->statement_rows);
    dm_pg_rows_free(d->commitment_rows);
    json_decref(d->frozen);
    free(d->lines);
    free(d->commitments);
    free(d->books);
    free(d->plans);
    *d = (dm_doc){.invoice_no = 0};
}

/* --- what is frozen ----------------------------------------------------------------------------------------- */

static int take_books(dm_doc *d, const json_t *list, dm_err *err)
{
    size_t n = json_array_size(list);
    d->books = calloc(n + 1, sizeof *d->books);
    if (d->books == NULL || n > BOOKS_MAX)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu price books", n);
    for (size_t i = 0; i < n; i++) {
        const json_t *book = json_array_get(list, i);
        int r = dm_json_i64(book, "id", 1, INT64_MAX, &d->books[i].id, err);
        if (r == 0)
            r = dm_parse_hex(dm_json_text(book, "sha256"), d->books[i].sha256.b, sizeof d->books[i].sha256.b, err);
        if (r != 0)
            return r < 0 ? r : dm_fail(err, DM_E_CORRUPT, "a price book without an id");
    }
    d->v.books = d->books;
    d->v.nbooks = n;
    return 0;
}

static int take_plans(dm_doc *d, const json_t *list, dm_err *err)
{
    size_t n = json_array_size(list);
    d->plans = calloc(n + 1, sizeof *d->plans);
    if (d->plans == NULL || n > PLANS_MAX)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu plans", n);
    for (size_t i = 0; i < n; i++)
        d->plans[i] = dm_str_c(json_string_value(json_array_get(list, i)));
    d->v.plans = d->plans;
    d->v.nplans = n;
    return 0;
}

static int take_frozen(dm_doc *d, dm_str text, dm_err *err)
{
    int r = dm_json_load(text, FROZEN_MAX, &d->frozen, err);
    if (r < 0)
        return r;
    d->v.seller = dm_invoice_party_of(json_object_get(d->frozen, "seller"));
    d->v.buyer = dm_invoice_party_of(json_object_get(d->frozen, "buyer"));
    d->v.purchase_order = dm_json_text(d->frozen, "purchase_order");
    d->v.tax_id_check = dm_json_text(d->frozen, "tax_id_check");
    d->email = d->v.buyer.email;
    d->url = dm_json_text(d->frozen, "url");
    r = dm_json_i64(d->frozen, "terms_days", 0, 365, &d->v.terms_days, err);
    if (r == 0)
        r = take_books(d, json_object_get(d->frozen, "books"), err);
    return r < 0 ? r : take_plans(d, json_object_get(d->frozen, "plans"), err);
}

/* --- rows --------------------------------------------------------------------------------------------------- */

static dm_str maybe(const dm_pg_rows *rows, size_t row, unsigned col)
{
    return dm_pg_is_null(rows, row, col) ? (dm_str){NULL, 0} : dm_pg_str(rows, row, col);
}

static int money(const dm_pg_rows *rows, size_t row, unsigned col, dm_money *out, dm_err *err)
{
    return dm_money_parse(dm_pg_str(rows, row, col), out, err);
}

int dm_doc_head(dm_doc *d, dm_pg_rows **rows, dm_err *err)
{
    d->head = dm_steal(rows);
    d->account_no.v = dm_pg_i64(d->head, 0, 0);
    d->entity_no = dm_pg_i64(d->head, 0, 2);
    d->v.period_start = dm_pg_i64(d->head, 0, 4);
    d->v.period_end = dm_pg_i64(d->head, 0, 5);
    int r = dm_str_to_array(dm_pg_str(d->head, 0, 1), d->account, sizeof d->account, err);
    if (r == 0)
        r = dm_str_to_array(dm_pg_str(d->head, 0, 3), d->currency, sizeof d->currency, err);
    if (r == 0)
        r = dm_minor_of(d->currency, &d->v.decimals, err);
    d->v.account = d->account;
    d->v.currency = d->currency;
    return r < 0 ? r : take_frozen(d, dm_pg_str(d->head, 0, 6), err);
}

static int issued(dm_doc *d, dm_err *err)
{
    d->invoice_no = dm_pg_i64(d->head, 0, 7);
    d->v.credit_note = dm_str_eq_c(dm_pg_str(d->head, 0, 8), "credit_note");
    d->v.chain = dm_pg_i64(d->head, 0, 10);
    d->v.issued_s = dm_pg_i64(d->head, 0, 11);
    d->v.due_s = dm_pg_i64(d->head, 0, 12);
    d->refers_no = dm_pg_i64(d->head, 0, 13);
    d->v.refers_to = maybe(d->head, 0, 14);
    d->v.reason = maybe(d->head, 0, 15);
    int r = dm_str_to_array(dm_pg_str(d->head, 0, 9), d->number, sizeof d->number, err);
    d->v.number = dm_str_c(d->number);
    if (r == 0)
        r = money(d->head, 0, 16, &d->v.discount, err);
    if (r == 0)
        r = money(d->head, 0, 17, &d->v.prepaid, err);
    return r < 0 ? r : dm_pg_bytes(d->head, 0, 18, d->v.previous.b, sizeof d->v.previous.b, err);
}

/* Of one that is made amount and line are yet to be reckoned. */
static int read_commitment(const dm_pg_rows *rows, size_t i, dm_invoice_commitment *c, dm_err *err)
{
    *c = (dm_invoice_commitment){.contract = dm_pg_str(rows, i, 0),
            .month_s = dm_pg_i64(rows, i, 1),
            .next_s = dm_pg_i64(rows, i, 2),
            .invoices = dm_pg_str(rows, i, 6)};
    dm_money *const sums[] = {&c->least, &c->charges, &c->before};
    int r = 0;
    for (unsigned k = 0; r == 0 && k < DM_LEN(sums); k++)
        r = money(rows, i, 3 + k, sums[k], err);
    return r;
}

int dm_doc_commitments(dm_doc *d, dm_pg_rows **rows, dm_err *err)
{
    size_t n = dm_pg_count(*rows);
    if (n > DM_INVOICE_COMMITMENTS_MAX)
        return dm_fail(err, DM_E_LIMIT, "an invoice of %zu commitments", n);
    d->commitment_rows = dm_steal(rows);
    d->commitments = calloc(n + 1, sizeof *d->commitments);
    if (d->commitments == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu commitments", n);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_commitment(d->commitment_rows, i, &d->commitments[i], err);
    d->v.commitments = d->commitments;
    d->v.ncommitments = n;
    return r;
}

static int read_line(const dm_pg_rows *rows, size_t i, dm_invoice_line *l, dm_err *err)
{
    *l = (dm_invoice_line){.kind = dm_pg_str(rows, i, 0),
            .project_no = {dm_pg_i64(rows, i, 1)},
            .project = maybe(rows, i, 2),
            .project_name = maybe(rows, i, 3),
            .sku = dm_pg_str(rows, i, 4),
            .tier = (uint32_t)dm_pg_i64(rows, i, 5),
            .book = dm_pg_i64(rows, i, 6),
            .priced = !dm_pg_is_null(rows, i, 7),
            .seconds = dm_pg_i64(rows, i, 9),
            .tax = (size_t)dm_pg_i64(rows, i, 12) - 1,
            .of_line = (uint32_t)dm_pg_i64(rows, i, 13)};
    int r = money(rows, i, 10, &l->amount, err);
    if (r == 0)
        r = money(rows, i, 11, &l->net, err);
    if (r == 0 && l->priced)
        r = dm_qty_parse(dm_pg_str(rows, i, 7), &l->qty, err);
    if (r == 0 && l->priced)
        r = dm_price_parse(dm_pg_str(rows, i, 8), &l->per_unit, err);
    return r;
}

int dm_doc_lines(dm_doc *d, dm_pg_rows **rows, dm_err *err)
{
    size_t n = dm_pg_count(*rows);
    if (n + d->v.ncommitments > DM_INVOICE_LINES_MAX)
        return dm_fail(err, DM_E_LIMIT, "an invoice of %zu lines", n);
    d->line_rows = dm_steal(rows);
    d->lines = calloc(n + d->v.ncommitments + 1, sizeof *d->lines);
    if (d->lines == NULL)
        return dm_fail(err, DM_E_NOMEM, "no memory for %zu lines", n);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_line(d->line_rows, i, &d->lines[i], err);
    d->v.lines = d->lines;
    d->v.nlines = n;
    return r;
}

static int read_tax(const dm_pg_rows *rows, size_t i, dm_invoice_tax *x, dm_err *err)
{
    *x = (dm_invoice_tax){.category = dm_pg_str(rows, i, 0),
            .rate_ppm = (uint32_t)dm_pg_i64(rows, i, 1),
            .reverse_charge = dm_pg_bool(rows, i, 2),
            .jurisdiction = dm_pg_str(rows, i, 3),
            .reason_code = maybe(rows, i, 4),
            .reason = maybe(rows, i, 5)};
    dm_money *const sums[] = {&x->exact, &x->discount, &x->lines, &x->base, &x->amount, &x->rounding};
    int r = 0;
    for (unsigned k = 0; r == 0 && k < DM_LEN(sums); k++)
        r = money(rows, i, 6 + k, sums[k], err);
    return r;
}

int dm_doc_taxes(dm_doc *d, dm_pg_rows **rows, dm_err *err)
{
    size_t n = dm_pg_count(*rows);
    if (n > DM_LEN(d->taxes))
        return dm_fail(err, DM_E_LIMIT, "an invoice of %zu taxes", n);
    d->tax_rows = dm_steal(rows);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = read_tax(d->tax_rows, i, &d->taxes[i], err);
    d->v.taxes = d->taxes;
    d->v.ntaxes = n;
    return r;
}

int dm_doc_statements(dm_doc *d, dm_pg_rows **rows, dm_err *err)
{
    dm_merkle tree = {0};
    dm_digest hash;
    size_t n = dm_pg_count(*rows);
    if (n > DM_INVOICE_STATEMENTS_MAX)
        return dm_fail(err, DM_E_LIMIT, "an invoice of %zu statements", n);
    d->statement_rows = dm_steal(rows);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = dm_pg_bytes(d->statement_rows, i, 1, hash.b, sizeof hash.b, err);
        if (r == 0)
            r = dm_merkle_add(&tree, &hash, err);
    }
    d->v.statements = (int64_t)n;
    d->v.first_statement = n > 0 ? dm_pg_i64(d->statement_rows, 0, 0) : 0;
    d->v.last_statement = n > 0 ? dm_pg_i64(d->statement_rows, n - 1, 0) : 0;
    return r < 0 ? r : dm_merkle_root(&tree, &d->v.statements_root, err);
}

/* Which lines are theirs. */
static int charged(dm_doc *d, dm_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < d->v.ncommitments; i++) {
        d->commitments[i].line = (uint32_t)dm_pg_i64(d->commitment_rows, i, 7);
        r = money(d->commitment_rows, i, 8, &d->commitments[i].amount, err);
    }
    return r;
}

/* What was reckoned is in the rows; the totals follow from the taxes. */
static int add_up(dm_invoice *v, dm_err *err)
{
    int r = 0;
    dm_money minus;
    for (size_t t = 0; r == 0 && t < v->ntaxes; t++) {
        const dm_invoice_tax *x = &v->taxes[t];
        const struct {
            dm_money *sum, by;
        } sums[] = {{&v->exact, x->exact}, {&v->lines_sum, x->lines}, {&v->net, x->base}, {&v->tax, x->amount},
                {&v->rounding, x->rounding}};
        for (size_t k = 0; r == 0 && k < DM_LEN(sums); k++)
            r = dm_money_add(*sums[k].sum, sums[k].by, sums[k].sum, err);
    }
    if (r == 0)
        r = dm_money_add(v->net, v->tax, &v->total, err);
    if (r == 0)
        r = dm_money_negate(v->prepaid, &minus, err);
    return r < 0 ? r : dm_money_add(v->total, minus, &v->due, err);
}

int dm_doc_load(dm_pg *c, int64_t invoice_no, dm_doc *out, dm_err *err)
{
    DM_AUTO(dm_pg_rows) head = NULL;
    DM_AUTO(dm_pg_rows) commitments = NULL;
    DM_AUTO(dm_pg_rows) lines = NULL;
    DM_AUTO(dm_pg_rows) taxes = NULL;
    DM_AUTO(dm_pg_rows) statements = NULL;
    int r = dm_sql_doc_head(c, invoice_no, &head, err);
    if (r < 0 || dm_pg_count(head) == 0)
        return r < 0 ? r : DM_DOC_NONE;
    r = dm_doc_head(out, &head, err);
    if (r == 0)
        r = issued(out, err);
    if (r == 0)
        r = dm_sql_doc_commitments(c, invoice_no, &commitments, err);
    if (r == 0)
        r = dm_doc_commitments(out, &commitments, err);
    if (r == 0)
        r = charged(out, err);
    if (r == 0)
        r = dm_sql_doc_lines(c, invoice_no, &lines, err);
    if (r == 0)
        r = dm_doc_lines(out, &lines, err);
    if (r == 0)
        r = dm_sql_doc_taxes(c, invoice_no, &taxes, err);
    if (r == 0)
        r = dm_doc_taxes(out, &taxes, err);
    if (r == 0)
        r = dm_sql_doc_statements(c, invoice_no, &statements, err);
    if (r == 0)
        r = dm_doc_statements(out, &statements, err);
    return r < 0 ? r : add_up(&out->v, err);
}
